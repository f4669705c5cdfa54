"""Writing files whole or not at all."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import xarray as xr

from coulombfit.runtime.seals import seal

__all__ = ["abandon", "is_part_of", "replacing", "require_writable", "write_netcdf", "write_text"]

_unfinished: set[Path] = set()
"""Temporary files of this process."""


def require_writable(path: str | Path) -> None:
    """Raise OSError where a file cannot be written to ``path``: no folder, a read-only one, or one in its place."""
    path = Path(path)
    if not path.parent.is_dir():
        raise FileNotFoundError(f"cannot write {path}: the folder {path.parent} does not exist")
    if path.is_dir():
        raise IsADirectoryError(f"cannot write {path}: it is a folder; name a file")
    if not os.access(path.parent, os.W_OK):
        raise PermissionError(f"cannot write {path}: the folder {path.parent} cannot be written to; name another")


def is_part_of(path: Path, other: Path) -> bool:
    """Whether a path is that file, whatever its spelling and also by a link, or lies in that folder."""
    if path.resolve().is_relative_to(other.resolve()):
        return True
    try:
        return path.samefile(other)
    except OSError:
        return False


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Give a temporary path beside ``path``; on success flush it to disk and rename it, on failure remove it.

    :raises OSError: where ``path`` cannot be written.
    """
    path = Path(path)
    require_writable(path)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}.part")
    _unfinished.add(temporary)
    try:
        yield temporary
        # for writing: Windows flushes no other handle
        with temporary.open("r+b") as written:
            os.fsync(written.fileno())
        temporary.replace(path)
        _flush_names(path.parent)
    except OSError as error:
        # a full disk does not say which file it was
        error.filename = error.filename or str(path)
        raise
    finally:
        temporary.unlink(missing_ok=True)
        _unfinished.discard(temporary)


def _flush_names(folder: Path) -> None:
    """Flush to disk which file has which name, where the system can: the new one has it also after a power cut."""
    if os.name != "posix":
        return
    # some file systems refuse; the file itself is whole
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def abandon() -> None:
    """Remove what is half-written, of any thread: for a process that ends without unwinding."""
    for temporary in list(_unfinished):
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def write_netcdf(tree: xr.Dataset | xr.DataTree, path: str | Path) -> None:
    """Write a dataset or a tree as netCDF-4, with a seal behind it.

    Its bytes are made in memory and written by Python: HDF5 itself cannot go on, and may end the process, where a disk
    is full.

    :raises OSError: where ``path`` cannot be written; whatever was there is left as it was.
    """
    content = seal(tree.to_netcdf(engine="h5netcdf"))
    with replacing(path) as temporary:
        temporary.write_bytes(content)


def write_text(text: str, path: str | Path) -> None:
    """Write UTF-8 text."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
