"""What a netCDF-4 file holds, read with h5py, and nothing that lies outside of it.

HDF5 can be led to other files (external storage, external links, virtual datasets), round in circles (groups that
contain themselves), and by a damaged file into endless loops and crashes. The first two are refused here. For the third
this file is also a program of its own, which imports nothing of the package: :mod:`coulombfit.data.files.netcdf` runs
it as a child process where a file is not known to be whole.

The child takes the path as its argument. It writes a line of JSON, the listing or an ``error``; then, for each name it
reads from a line of its input, another line, with ``dtype`` and ``shape``, and the bytes of the array behind it; or,
for text, with ``text``.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from typing import Any, BinaryIO

import h5py
import numpy as np

__all__ = ["list_groups", "load"]

MOST_OBJECTS = 10_000
"""Groups and variables that a file may have, and below how many groups deep: files that go round in circles, or were
made to keep a reader busy, have more."""
DEEPEST = 8
NOT_A_VARIABLE = b"This is a netCDF dimension but not a netCDF variable"
NETCDF_ATTRIBUTES = {
    "DIMENSION_LIST",
    "REFERENCE_LIST",
    "CLASS",
    "NAME",
    "_Netcdf4Dimid",
    "_Netcdf4Coordinates",
    "_NCProperties",
}
NETCDF_ATTRIBUTES |= {"_nc3_strict"}
MOST_ATTRIBUTES = 1000
LONGEST_ATTRIBUTE = 2**24
MEMORY = 2 * 2**30
"""Bytes for the interpreter and HDF5 itself."""


def list_groups(file: h5py.File, *, deep: bool = True) -> dict[str, Any]:
    """Every group by its path: its attributes and its variables, each with dims, shape, itemsize, attributes.

    :param deep: groups within groups, too.
    :raises ValueError: for what leads out of the file.
    """
    found: dict[str, Any] = {}
    for path, group in _groups(file, deep):
        variables = {name: _variable(each) for name, each in _datasets(group) if not _is_bare_dimension(each)}
        found[path] = {"attributes": _attributes(group), "variables": variables}
    return found


def load(file: h5py.File, name: str) -> np.ndarray:
    """A variable by its path; text as objects."""
    dataset = file[name]
    if h5py.check_string_dtype(dataset.dtype) is not None:
        return np.asarray(dataset.asstr()[()], dtype=object)
    return np.asarray(dataset[()])


def _groups(file: h5py.File, deep: bool) -> Iterator[tuple[str, h5py.Group]]:
    waiting: list[tuple[str, h5py.Group, int]] = [("/", file, 0)]
    seen = 0
    while waiting:
        path, group, depth = waiting.pop(0)
        seen += len(group)
        if depth > DEEPEST or seen > MOST_OBJECTS:
            raise ValueError(f"more than {MOST_OBJECTS} objects, or groups more than {DEEPEST} deep")
        yield path, group
        inner = [name for name in group if _kind(group, name) is h5py.Group] if deep else []
        waiting += [(f"{path.rstrip('/')}/{name}", group[name], depth + 1) for name in inner]


def _kind(group: h5py.Group, name: str) -> Any:
    link = group.get(name, getlink=True)
    if not isinstance(link, h5py.HardLink):
        raise ValueError(f"{name!r} is a link to {getattr(link, 'filename', 'another place')}, which is not followed")
    return group.get(name, getclass=True)


def _datasets(group: h5py.Group) -> Iterator[tuple[str, h5py.Dataset]]:
    for name in group:
        if _kind(group, name) is not h5py.Dataset:
            continue
        dataset = group[name]
        if dataset.id.get_create_plist().get_external_count() or dataset.is_virtual:
            raise ValueError(f"{name!r} is stored in another file, which is not followed")
        yield name, dataset


def _is_bare_dimension(dataset: h5py.Dataset) -> bool:
    if "NAME" not in dataset.attrs or "CLASS" not in dataset.attrs:
        return False
    name = dataset.attrs["NAME"]
    return (
        bytes(name).startswith(NOT_A_VARIABLE)
        if isinstance(name, bytes)
        else str(name).startswith(NOT_A_VARIABLE.decode())
    )


def _variable(dataset: h5py.Dataset) -> dict[str, Any]:
    if dataset.shape is None:
        raise ValueError(f"{dataset.name} has no values")
    return {
        "dims": _dims(dataset),
        "shape": list(dataset.shape),
        "itemsize": int(dataset.dtype.itemsize),
        "attributes": _attributes(dataset),
    }


def _dims(dataset: h5py.Dataset) -> list[str]:
    """Names of the dimensions; dim_0 and so on where the file has none."""
    names = []
    for place, dim in enumerate(dataset.dims):
        if len(dim):
            names.append(str(dim[0].name).rsplit("/", 1)[-1])
        elif "CLASS" in dataset.attrs and dataset.ndim == 1:  # a coordinate is its own dimension
            names.append(str(dataset.name).rsplit("/", 1)[-1])
        else:
            names.append(f"dim_{place}")
    return names


def _attributes(of: h5py.Group | h5py.Dataset) -> dict[str, Any]:
    """Attributes as JSON values; those that are of another kind are left out."""
    names = list(of.attrs)
    if len(names) > MOST_ATTRIBUTES:
        raise ValueError(f"more than {MOST_ATTRIBUTES} attributes")
    found = {}
    for name in names:
        if name in NETCDF_ATTRIBUTES:
            continue
        kind = of.attrs.get_id(name)
        if kind.shape is not None and int(np.prod(kind.shape, dtype=float)) * kind.dtype.itemsize > LONGEST_ATTRIBUTE:
            raise ValueError(f"its attribute {name!r} is larger than {LONGEST_ATTRIBUTE} bytes")
        plain = _json_value(of.attrs[name])
        if plain is not None:
            found[name] = plain
    return found


def _json_value(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, str):
        return value
    if isinstance(value, np.ndarray | np.generic):
        array = np.asarray(value)
        if array.dtype.kind in "SO":
            words = [_json_value(each) for each in array.ravel().tolist()]
            if not all(isinstance(each, str) for each in words):
                return None
            return words[0] if len(words) == 1 else words
        if array.dtype.kind in "biuf":
            return array.item() if array.size == 1 else array.tolist()
    return None


def _answer(file: h5py.File, name: str, out: BinaryIO) -> None:
    _limit_memory(MEMORY + 3 * int(file[name].nbytes))
    array = load(file, name)
    if array.dtype.kind == "O":
        head: dict[str, Any] = {"text": array.tolist()}
        out.write(json.dumps(head).encode() + b"\n")
    else:
        head = {"dtype": array.dtype.str, "shape": array.shape}
        out.write(json.dumps(head).encode() + b"\n")
        out.write(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)
    out.flush()


def _limit_memory(memory: int) -> None:
    """Set how much memory this process may take: sizes are known beforehand, and damage may ask for any."""
    if sys.platform != "win32":
        import resource

        most = resource.getrlimit(resource.RLIMIT_AS)[1]
        resource.setrlimit(resource.RLIMIT_AS, (memory if most < 0 else min(memory, most), most))


def main(path: str, deep: bool) -> None:
    """Answer until the input ends."""
    out = sys.stdout.buffer
    try:
        _limit_memory(MEMORY)
        with h5py.File(path, "r") as file:
            out.write(json.dumps({"listing": list_groups(file, deep=deep)}).encode() + b"\n")
            out.flush()
            for line in sys.stdin:
                _answer(file, json.loads(line), out)
    except Exception as error:
        out.write(json.dumps({"error": f"{type(error).__name__}: {error}"}).encode() + b"\n")
        out.flush()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2] == "deep")
