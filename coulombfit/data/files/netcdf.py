"""Reading netCDF-4 files, also those that are damaged.

A file that bears a seal is what this package has written, and is read here; where the seal does not fit it is damaged,
and refused. Any other file may lead HDF5 into an endless loop or a crash, so it is read by a child process, a third of
a second slower, which has SECONDS to answer, and longer for large arrays.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import xarray as xr

from coulombfit.data.files import hdf5_reader
from coulombfit.data.files.opening import LIMIT, open_regular, refusing_damage, require_within
from coulombfit.runtime.errors import DataError
from coulombfit.runtime.seals import is_whole

__all__ = ["Group", "abandon", "open_netcdf", "read_tree"]

SECONDS = 30.0
SPEED = 1e7
"""Bytes per second that a child process is expected to read at least: its time limit is SECONDS plus size/SPEED."""
LONGEST_LINE = 2**28
"""Bytes of the listing, one line of JSON, that are read at most."""

_children: set[subprocess.Popen[bytes]] = set()
"""Processes that read for this one."""


class Group:
    """Variables of one group: ``dims`` and ``shapes`` by name, known without loading; ``attributes`` of the group."""

    def __init__(self, described: dict[str, Any], fetch: Callable[[str], np.ndarray], limit: int, path: Path) -> None:
        self.attributes: dict[str, Any] = described["attributes"]
        self._variables: dict[str, dict[str, Any]] = described["variables"]
        self.dims = {name: tuple(each["dims"]) for name, each in self._variables.items()}
        self.shapes = {name: tuple(each["shape"]) for name, each in self._variables.items()}
        self._fetch, self._limit, self._path = fetch, limit, path

    def size(self, name: str) -> int:
        """Bytes of a variable, as stored.

        :raises DataError: where they exceed the limit.
        """
        itemsize = self._variables[name]["itemsize"]
        return require_within(self.shapes[name], itemsize, self._limit, f"path: {name!r} in {self._path}")

    def raw(self, name: str) -> xr.Variable:
        """A variable as stored, with its attributes."""
        self.size(name)
        with refusing_damage(self._path):
            return xr.Variable(self.dims[name], self._fetch(name), self._variables[name]["attributes"])

    def load(self, name: str) -> np.ndarray:
        """A variable's values: what is marked as missing is NaN, and scales are applied."""
        self.size(name)
        with refusing_damage(self._path):
            values = self._fetch(name)
            # by other names, as a matrix may have one dimension twice
            dims = [f"dim {place}" for place in range(values.ndim)]
            variable = xr.Variable(dims, values, self._variables[name]["attributes"])
            return _decode(xr.Dataset({"x": variable}))["x"].to_numpy()


@contextmanager
def open_netcdf(path: Path, limit: int = LIMIT, *, deep: bool = False) -> Iterator[dict[str, Group]]:
    """Groups of a file by path, "/" only unless ``deep``.

    :raises FileNotFoundError: where there is no such file.
    :raises DataError: where it cannot be read, is damaged, or leads to other files.
    """
    with open_regular(path) as file:
        whole = is_whole(file)
        if whole is False:
            raise DataError(f"path: cannot read {path}: it is damaged, and no longer what was written")
        with _read_here(file, path, deep) if whole else _read_in_child(path, deep) as (found, fetch):
            yield {place: Group(each, _fetch_within(place, fetch), limit, path) for place, each in found.items()}


def read_tree(path: Path, limit: int = LIMIT) -> xr.DataTree:
    """All of a file.

    :raises FileNotFoundError: where there is no such file.
    :raises DataError: as :func:`open_netcdf`, and where all of it exceeds the limit.
    """
    with open_netcdf(path, limit, deep=True) as groups:
        total = sum(group.size(name) for group in groups.values() for name in group.shapes)
        require_within((total,), 1, limit, f"path: {path}")
        datasets = {}
        for place, group in groups.items():
            variables = {name: group.raw(name) for name in group.shapes}
            with refusing_damage(path):
                datasets[place] = _decode(xr.Dataset(variables, attrs=group.attributes))
    with refusing_damage(path):
        return xr.DataTree.from_dict(datasets)


def _fetch_within(place: str, fetch: Callable[[str], np.ndarray]) -> Callable[[str], np.ndarray]:
    return lambda name: fetch(f"{place.rstrip('/')}/{name}")


def _decode(dataset: xr.Dataset) -> xr.Dataset:
    return xr.decode_cf(dataset, decode_times=False)


Answers = tuple[dict[str, Any], Callable[[str], np.ndarray]]


@contextmanager
def _read_here(file: BinaryIO, path: Path, deep: bool) -> Iterator[Answers]:
    import h5py

    with refusing_damage(path):
        inside = h5py.File(file, "r")
        found = hdf5_reader.list_groups(inside, deep=deep)
    with inside:
        yield found, lambda name: hdf5_reader.load(inside, name)


@contextmanager
def _read_in_child(path: Path, deep: bool) -> Iterator[Answers]:
    """What a child process answers."""
    if not sys.executable:
        raise DataError(
            f"path: cannot read {path}: reading it takes a Python of its own, and sys.executable names none"
        )
    paths = os.pathsep.join(each for each in sys.path if each)
    settings = {"PYTHONPATH": paths, "HDF5_USE_FILE_LOCKING": "FALSE", "OPENBLAS_NUM_THREADS": "1"}
    settings["HDF5_PLUGIN_PRELOAD"] = "::"  # no filter is loaded because a file asks for it
    command = [sys.executable, "-P", "-W", "ignore", hdf5_reader.__file__, str(path), "deep" if deep else "top"]
    with refusing_damage(path):
        child = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=os.environ | settings
        )

    _children.add(child)

    def fetch(name: str) -> np.ndarray:
        assert child.stdin is not None
        child.stdin.write(json.dumps(name).encode() + b"\n")
        child.stdin.flush()
        return _array(child, sizes[name])

    try:
        with refusing_damage(path):
            found = _line(child, SECONDS)["listing"]
        sizes = {
            f"{group.rstrip('/')}/{name}": int(np.prod(each["shape"], dtype=float)) * each["itemsize"]
            for group, contents in found.items()
            for name, each in contents["variables"].items()
        }
        yield found, fetch
    finally:
        child.kill()
        child.communicate()
        _children.discard(child)


def abandon() -> None:
    """End what reads, for a process that ends without unwinding: a damaged file may hold it for ever."""
    for child in list(_children):
        child.kill()


def _line(child: subprocess.Popen[bytes], seconds: float) -> dict[str, Any]:
    assert child.stdout is not None
    with _deadline(child, seconds):
        line = child.stdout.readline(LONGEST_LINE)
    if not line.endswith(b"\n"):
        raise ValueError(f"HDF5 came to no end, or ended its process ({_end_child(child)})")
    answer = json.loads(line)
    if "error" in answer:
        raise ValueError(answer["error"])
    return answer


def _array(child: subprocess.Popen[bytes], size: int) -> np.ndarray:
    assert child.stdout is not None
    seconds = SECONDS + size / SPEED
    head = _line(child, seconds)
    if "text" in head:
        return np.array(head["text"], dtype=object)
    array = np.empty(head["shape"], np.dtype(head["dtype"]))
    with _deadline(child, seconds):
        # no array of the size that a file claims is made before the child has made one
        got = child.stdout.readinto(array.reshape(-1).view(np.uint8)) if array.size else 0  # type: ignore[attr-defined]
    if got != array.nbytes:
        raise ValueError(f"expected {array.nbytes} bytes of an array, got {got} ({_end_child(child)})")
    return array


@contextmanager
def _deadline(child: subprocess.Popen[bytes], seconds: float) -> Iterator[None]:
    timer = threading.Timer(seconds, child.kill)
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _end_child(child: subprocess.Popen[bytes]) -> str:
    child.kill()
    return f"return code {child.wait()}"
