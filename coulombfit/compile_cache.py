"""Compiled programs on disk, for the command line: JAX's own cache, in a folder of this package."""

from __future__ import annotations

import hashlib
import os
import platform
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path

import platformdirs

__all__ = ["FOLDER", "cache_folder", "use_cache"]

FOLDER = "COULOMBFIT_CACHE_DIR"
"""Environment variable that says where the folder is."""
LARGEST = 2**28
"""Bytes; the least recently used programs go first. With a limit, JAX also locks the folder while it writes."""


def cache_folder() -> Path:
    """A folder for this version of the compiler, of Python and this kind of processor: homes may be shared."""
    kind = [version("jaxlib"), platform.python_version(), platform.machine(), platform.processor()]
    with suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        kind += sorted({line for line in lines if line.startswith(("flags", "Features", "model name"))})
    tag = hashlib.sha256("\n".join(kind).encode()).hexdigest()[:16]
    return Path(os.environ.get(FOLDER) or platformdirs.user_cache_dir("coulombfit")) / f"jaxlib-{kind[0]}-{tag}"


def use_cache() -> None:
    """Tell JAX, which must not have been imported yet. A cache of the user's own, or a folder that cannot be, stays."""
    if "JAX_COMPILATION_CACHE_DIR" in os.environ:
        return
    folder = cache_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return
    if not os.access(folder, os.W_OK):
        return
    os.environ |= {
        "JAX_COMPILATION_CACHE_DIR": str(folder),
        "JAX_COMPILATION_CACHE_MAX_SIZE": str(LARGEST),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
    }
