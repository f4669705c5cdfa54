"""Writing files whole or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import xarray as xr

__all__ = ["replacing", "require_folder", "write_netcdf", "write_text"]


def require_folder(path: str | Path) -> None:
    """Raise FileNotFoundError where the folder that ``path`` would be written to does not exist."""
    folder = Path(path).parent
    if not folder.is_dir():
        raise FileNotFoundError(f"cannot write {path}: the folder {folder} does not exist")


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Give a temporary path beside ``path``; on success flush it to disk and rename it, on failure remove it.

    :raises FileNotFoundError: where the folder of ``path`` does not exist.
    """
    path = Path(path)
    require_folder(path)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        with temporary.open("rb") as written:
            os.fsync(written.fileno())
        # mkstemp makes files private; a result gets the permissions of any other new file of this user
        umask = os.umask(0)
        os.umask(umask)
        temporary.chmod(0o666 & ~umask)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_netcdf(tree: xr.Dataset | xr.DataTree, path: str | Path) -> None:
    """Write a dataset or a tree as netCDF-4."""
    with replacing(path) as temporary:
        tree.to_netcdf(temporary, engine="h5netcdf")


def write_text(text: str, path: str | Path) -> None:
    """Write UTF-8 text."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
