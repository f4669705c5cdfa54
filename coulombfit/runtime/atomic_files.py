"""Writing files whole or not at all."""

from __future__ import annotations

from pathlib import Path

import xarray as xr

from coulombfit.runtime.seals import seal
from simulators.engine.atomic_files import replacing, require_writable

__all__ = ["is_part_of", "replacing", "require_writable", "write_netcdf", "write_text"]


def is_part_of(path: Path, other: Path) -> bool:
    """Whether a path is that file, whatever its spelling and also by a link, or lies in that folder."""
    if path.resolve().is_relative_to(other.resolve()):
        return True
    try:
        return path.samefile(other)
    except OSError:
        return False


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
