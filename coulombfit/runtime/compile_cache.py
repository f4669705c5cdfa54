"""Compiled programs on disk, for the command line: JAX's own cache, in a folder of this package.

What lies there is run, so that the folder is used only where nobody else can write. What is damaged is removed; without
a folder every process compiles anew, and says so in one sentence.
"""

from __future__ import annotations

import hashlib
import os
import platform
import re
import stat
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.metadata import version
from pathlib import Path

import platformdirs

__all__ = ["FOLDER", "cache_folder", "cache_trouble", "use_cache"]

FOLDER = "COULOMBFIT_CACHE_DIR"
"""Environment variable that says where the folder is."""
LARGEST = 2**28
"""Bytes; the least recently used programs go first. With a limit, JAX also locks the folder while it writes."""
LOCK, PROGRAM, USED = ".lockfile", "-cache", "-atime"
"""Names that JAX gives to its lock and, behind a program's own, to the program and to when it was last used."""
PATIENCE = 2.0
"""Seconds for another process to let go of the lock, which it holds for milliseconds."""
TROUBLE = re.compile(r"Error (reading|writing) persistent compilation cache entry for '(.*?)': (.*)", re.DOTALL)
"""What JAX says, once a program and run for as long as it lasts."""

SYSTEM_ERRORS = ("OSError", "PermissionError", "Timeout")
"""How JAX's reason begins where a program could not be read for another reason than damage."""

_told: set[str] = set()


def cache_folder() -> Path:
    """A folder for this version of the compiler, of Python and this kind of processor: homes may be shared."""
    kind = [version("jaxlib"), platform.python_version(), platform.machine(), platform.processor()]
    with suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        kind += sorted({line for line in lines if line.startswith(("flags", "Features", "model name"))})
    tag = hashlib.sha256("\n".join(kind).encode()).hexdigest()[:16]
    base = os.environ.get(FOLDER) or platformdirs.user_cache_dir("coulombfit")
    return Path(os.path.expanduser(base)) / f"jaxlib-{kind[0]}-{tag}"  # noqa: PTH111  Path's raises without a home


def use_cache() -> None:
    """Tell JAX, which must not have been imported yet. A cache of the user's own stays.

    A folder that cannot be used is warned about.
    """
    if "JAX_COMPILATION_CACHE_DIR" in os.environ:
        return
    folder = cache_folder()
    try:
        _require_safe(folder)
        with _hold_lock(folder):
            _remove_halves(folder)
    except OSError as error:
        warnings.warn(_report_not_kept(error), RuntimeWarning, stacklevel=2)
        return
    os.environ |= {
        "JAX_COMPILATION_CACHE_DIR": str(folder),
        "JAX_COMPILATION_CACHE_MAX_SIZE": str(LARGEST),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
    }


def cache_trouble(message: str) -> str | None:
    """Mend what a warning of JAX is about, and say it once; None for other warnings, "" for what has been said."""
    found = TROUBLE.match(message)
    folder = cache_folder()
    if found is None or os.environ.get("JAX_COMPILATION_CACHE_DIR") != str(folder):
        return None
    kind, program, reason = found.groups()
    damaged = kind == "reading" and not reason.startswith(SYSTEM_ERRORS)
    with suppress(OSError), _hold_lock(folder):
        if damaged:
            # JAX would keep the damaged one; all of that name go, as only their names are known
            for path in folder.iterdir():
                if path.name.startswith(f"{program}-") and path.name.endswith((PROGRAM, USED)):
                    path.unlink(missing_ok=True)
        _remove_halves(folder)
    if kind in _told:
        return ""
    _told.add(kind)
    if not damaged:
        return _report_not_kept(reason)
    return f"a compiled program in {folder} was damaged; it is compiled anew, and the damaged one removed"


def _report_not_kept(reason: object) -> str:
    return f"compiled programs are not kept, which makes starts slow: {reason}; set {FOLDER} to a folder of yours"


def _require_safe(folder: Path) -> None:
    """Make the folder where need be.

    :raises OSError: where it cannot be, or others may write to it or to the one that it is in.
    """
    if not folder.is_absolute() and FOLDER not in os.environ:
        raise FileNotFoundError("there is no home folder")
    folder.parent.parent.mkdir(parents=True, exist_ok=True)
    for each in (folder.parent, folder):
        if each.exists() and not each.is_dir():
            raise NotADirectoryError(f"{each} is not a folder")
        each.mkdir(mode=0o700, exist_ok=True)
    if not os.access(folder, os.W_OK | os.X_OK):
        raise PermissionError(f"{folder} cannot be written to")
    if not hasattr(os, "geteuid"):
        return
    for each in (folder, folder.parent):
        status = each.stat()
        # in a folder with the sticky bit, as /tmp, others cannot put theirs in place of ours
        shared = each == folder.parent and status.st_mode & stat.S_ISVTX
        if status.st_uid != os.geteuid() and not (shared and status.st_uid == 0):
            raise PermissionError(f"{each} belongs to another user")
        if status.st_mode & 0o022 and not shared:
            raise PermissionError(f"others may write to {each} (chmod go-w, once you know what is in it)")


@contextmanager
def _hold_lock(folder: Path) -> Iterator[None]:
    """JAX's lock of the folder, held.

    :raises OSError: where the file system has no locks, or a process does not let go.
    """
    try:
        import fcntl
    except ImportError:  # Windows, where JAX's own locks are others, and always there
        yield
        return
    handle = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        end = time.monotonic() + PATIENCE
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > end:
                    raise TimeoutError(f"another process does not let go of {folder / LOCK}") from None
                time.sleep(0.02)
            except OSError as error:
                raise OSError(f"the file system of {folder} has no locks ({error.strerror})") from None
        yield
    finally:
        os.close(handle)


def _remove_halves(folder: Path) -> None:
    """Remove what a process that was killed, or a full disk, has left of a program: JAX would stumble over it."""
    sizes = {each.name: each.stat().st_size for each in os.scandir(folder)}
    stems = {name.removesuffix(end) for name in sizes for end in (PROGRAM, USED) if name.endswith(end)}
    for stem in stems:
        if not sizes.get(stem + PROGRAM) or sizes.get(stem + USED) != 8:
            for end in (PROGRAM, USED):
                (folder / (stem + end)).unlink(missing_ok=True)
