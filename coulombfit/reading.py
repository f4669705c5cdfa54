"""Reading spectra from files: .npz and .npy (NumPy), .csv, .nc (netCDF)."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, SupportsFloat

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike

from coulombfit.errors import DataError
from coulombfit.spectra import Spectra

__all__ = ["read"]

DEFAULT_NAME = "eigenvalues"


def read(
    path: str | Path,
    *,
    weights: str | bool = False,
    eigenvalues: str | None = None,
    snapshot: int | None = None,
    learning_rate: str | SupportsFloat | None = None,
    batch_size: str | SupportsFloat | None = None,
    targets: str | ArrayLike | None = None,
    name: str | None = None,
) -> Spectra:
    """Read spectra from a file; the kind is told by its ending.

    Arrays may have a snapshot axis behind the run axis: weights (run, M, N) or (run, snapshot, M, N), eigenvalues
    (run, level) or (run, snapshot, level). A .csv file has one row a run, one column a level, and maybe a header.

    :param path: ``.npz``, ``.npy``, ``.csv`` or ``.nc``.
    :param weights: name of the array of weight matrices, or True where the file holds only one array.
    :param eigenvalues: name of the array of eigenvalues, where that is what the file holds; "eigenvalues" if not given.
    :param snapshot: which snapshot, negative counting from the last; the last one if not given.
    :param learning_rate: a number, or the name of a scalar in the file.
    :param batch_size: a number, or the name of a scalar in the file.
    :param targets: values of shape (level,), or the name of an array in the file.
    :param name: what to call the data; the file's stem if not given.
    :raises FileNotFoundError: where there is no such file.
    :raises DataError: for an unreadable file, a wrong name, shape or value; Python objects in a file are never loaded.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"path: no such file: {path}")
    if path.suffix not in _READERS:
        raise DataError(f"path: expected a file ending in {', '.join(_READERS)}, got {path.name}")
    if weights and eigenvalues is not None:
        raise DataError("weights, eigenvalues: give the name of one of them, got both")
    try:
        arrays, stored = _READERS[path.suffix](path)
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile) as error:
        raise DataError(f"path: cannot read {path}: {error}") from None

    def setting(given: Any, argument: str) -> Any:
        if isinstance(given, str):
            return _named(arrays, given, argument, path)
        return stored.get(argument) if given is None else given

    wanted = _wanted(arrays, weights, eigenvalues, path)
    argument = "weights" if weights else "eigenvalues"
    values = _at_snapshot(arrays[wanted], snapshot, argument, matrix_dims=2 if weights else 1)
    described: dict[str, Any] = {
        "learning_rate": setting(learning_rate, "learning_rate"),
        "batch_size": setting(batch_size, "batch_size"),
        "targets": setting(targets, "targets"),
        "name": name or stored.get("name") or path.stem,
        "provenance": {**stored.get("provenance", {}), "file": path.name, "array": wanted, "snapshot": snapshot},
    }
    return Spectra.from_weights(values, **described) if weights else Spectra(values, **described)


Reader = Callable[[Path], tuple[dict[str, np.ndarray], dict[str, Any]]]


def _read_npz(path: Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    with np.load(path, allow_pickle=False) as archive:
        return dict(archive), {}


def _read_npy(path: Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    return {DEFAULT_NAME: np.load(path, allow_pickle=False)}, {}


def _read_csv(path: Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    with path.open(encoding="utf-8") as lines:
        first = lines.readline()
    try:
        [float(cell) for cell in first.split(",")]
        header = 0
    except ValueError:
        header = 1
    return {DEFAULT_NAME: np.loadtxt(path, delimiter=",", skiprows=header, ndmin=2)}, {}


def _read_netcdf(path: Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    with xr.open_dataset(path, engine="h5netcdf") as dataset:
        arrays = {str(name): variable.to_numpy() for name, variable in dataset.variables.items()}
        stored: dict[str, Any] = dict(dataset.attrs)
    stored["provenance"] = json.loads(stored.get("provenance", "{}"))
    stored["targets"] = arrays.get("targets")
    return arrays, stored


_READERS: dict[str, Reader] = {".npz": _read_npz, ".npy": _read_npy, ".csv": _read_csv, ".nc": _read_netcdf}


def _named(arrays: dict[str, np.ndarray], name: str, argument: str, path: Path) -> np.ndarray:
    if name not in arrays:
        available = ", ".join(f"{key} {value.shape}" for key, value in arrays.items())
        raise DataError(f"{argument}: no array named {name!r} in {path.name}, which has {available or 'no arrays'}")
    return arrays[name]


def _wanted(arrays: dict[str, np.ndarray], weights: str | bool, eigenvalues: str | None, path: Path) -> str:
    if weights is True:
        if len(arrays) != 1:
            raise DataError(f"weights: {path.name} has arrays {', '.join(arrays)}; say which, got True")
        return next(iter(arrays))
    name = weights or eigenvalues or DEFAULT_NAME
    _named(arrays, name, "weights" if weights else "eigenvalues", path)
    return name


def _at_snapshot(values: np.ndarray, snapshot: int | None, argument: str, matrix_dims: int) -> np.ndarray:
    if values.ndim != matrix_dims + 2:
        if snapshot is not None:
            raise DataError(f"snapshot: {argument} has no snapshot axis, its shape is {values.shape}; got {snapshot}")
        return values
    index = -1 if snapshot is None else snapshot
    if not -values.shape[1] <= index < values.shape[1]:
        raise DataError(f"snapshot: expected -{values.shape[1]} to {values.shape[1] - 1}, got {snapshot}")
    return values[:, index]
