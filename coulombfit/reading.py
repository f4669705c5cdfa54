"""Reading spectra from files: .npz and .npy (NumPy), .csv, .nc (netCDF)."""

from __future__ import annotations

import json
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, SupportsFloat

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike

from coulombfit.errors import DataError
from coulombfit.spectra import Spectra, positive

__all__ = ["read"]

DEFAULT_NAME = "eigenvalues"
ONLY_ARRAY = "(the only array)"


def read(
    path: str | Path,
    *,
    weights: str | bool = False,
    eigenvalues: str | None = None,
    snapshot: int | None = None,
    learning_rate: str | SupportsFloat | None = None,
    batch_size: str | SupportsFloat | None = None,
    targets: str | ArrayLike | None = None,
    factor: str | SupportsFloat | None = None,
    name: str | None = None,
) -> Spectra:
    """Read spectra from a file; the kind is told by its ending.

    Arrays may have a snapshot axis behind the run axis: weights (run, M, N) or (run, snapshot, M, N), eigenvalues
    (run, level) or (run, snapshot, level). A .csv file has one row a run, one column a level, and maybe a header.

    :param path: ``.npz``, ``.npy``, ``.csv`` or ``.nc``.
    :param weights: name of the array of weight matrices, or True where the file holds only one array. In .npy and .csv
        files, which have no names, any name will do.
    :param eigenvalues: name of the array of eigenvalues, where that is what the file holds; "eigenvalues" if not given.
    :param snapshot: which snapshot, negative counting from the last; the last one if not given.
    :param learning_rate: a number, or the name of a scalar in the file.
    :param batch_size: a number, or the name of a scalar in the file.
    :param targets: values of shape (level,), or the name of an array in the file.
    :param factor: what widths are known to be proportional to besides √(α/\\|B\\|), such as the noise of a teacher: a
        number, or the name of a scalar in the file. Kept in ``provenance["factor"]`` for :func:`coulombfit.scaling`.
    :param name: what to call the data; the file's stem if not given.
    :raises FileNotFoundError: where there is no such file.
    :raises ValueError: for both ``weights`` and ``eigenvalues``.
    :raises DataError: for an unreadable file, a wrong name, shape or value; Python objects in a file are never loaded.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"path: no such file: {path}")
    if path.suffix not in _READERS:
        raise DataError(f"path: expected a file ending in {', '.join(_READERS)}, got {path.name}")
    if weights and eigenvalues is not None:
        raise ValueError("weights, eigenvalues: give the name of one of them, got both")
    argument = "weights" if weights else "eigenvalues"
    try:
        with _READERS[path.suffix](path) as (arrays, stored):
            wanted = _wanted(arrays, weights, eigenvalues, path)
            values = _named(arrays, wanted, argument, path)
            described: dict[str, Any] = {}
            for name_of, given in (("learning_rate", learning_rate), ("batch_size", batch_size), ("targets", targets)):
                if isinstance(given, str):
                    described[name_of] = _named(arrays, given, name_of, path)
                else:
                    described[name_of] = stored.get(name_of) if given is None else given
            known_factor = _named(arrays, factor, "factor", path) if isinstance(factor, str) else factor
    except DataError:
        raise
    except (OSError, ValueError, TypeError, EOFError, KeyError, zipfile.BadZipFile, zlib.error) as error:
        raise DataError(f"path: cannot read {path}: {error}") from None
    if path.suffix == ".npy" and values.ndim == 3 and not weights and snapshot is None:
        raise DataError(
            f"eigenvalues: an array of shape {values.shape} may be weights (run, M, N) or eigenvalues (run, snapshot, "
            "level); say weights=True or which snapshot"
        )
    values = _at_snapshot(values, snapshot, argument, dims=3 if weights else 2)
    described["name"] = name or stored.get("name") or path.stem
    described["provenance"] = {
        **stored.get("provenance", {}),
        "file": path.name,
        "array": wanted,
        "snapshot": snapshot,
    }
    if (proportional := positive(known_factor, "factor")) is not None:
        described["provenance"]["factor"] = proportional
    return Spectra.from_weights(values, **described) if weights else Spectra(values, **described)


Contents = tuple[Mapping[str, Any], dict[str, Any]]
"""Arrays by name, and settings that the file itself names."""


@contextmanager
def _read_npz(path: Path) -> Iterator[Contents]:
    # arrays are loaded when asked for, so one that cannot be does no harm to the others
    archive = np.load(path, allow_pickle=False)
    if not isinstance(archive, np.lib.npyio.NpzFile):
        raise ValueError("it holds a single array, as an .npy file does")
    with archive:
        yield archive, {}


@contextmanager
def _read_npy(path: Path) -> Iterator[Contents]:
    array = np.load(path, allow_pickle=False)
    if not isinstance(array, np.ndarray):
        raise ValueError("it is an archive of arrays, as an .npz file is")
    yield {ONLY_ARRAY: array}, {}


@contextmanager
def _read_csv(path: Path) -> Iterator[Contents]:
    # spreadsheets write a byte-order mark
    with path.open(encoding="utf-8-sig") as lines:
        rows = lines.read().splitlines()
    if not rows:
        raise ValueError("it is empty")
    first = rows[0].split(",")
    header = not any(_is_number(cell) for cell in first)
    if header and not first[0].strip():
        raise ValueError("its first column has no name and looks like an index; leave it out")
    yield {ONLY_ARRAY: np.loadtxt(rows, delimiter=",", skiprows=int(header), ndmin=2)}, {}


@contextmanager
def _read_netcdf(path: Path) -> Iterator[Contents]:
    with xr.open_dataset(path, engine="h5netcdf") as dataset:
        arrays = {str(name): variable.to_numpy() for name, variable in dataset.variables.items()}
        stored: dict[str, Any] = dict(dataset.attrs)
    try:
        provenance = json.loads(stored.get("provenance", "{}"))
    except json.JSONDecodeError:
        provenance = stored["provenance"]
    # a file of other making may have its own idea of provenance
    stored["provenance"] = provenance if isinstance(provenance, dict) else {"provenance": provenance}
    stored["targets"] = arrays.get("targets")
    yield arrays, stored


_READERS = {".npz": _read_npz, ".npy": _read_npy, ".csv": _read_csv, ".nc": _read_netcdf}


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _named(arrays: Mapping[str, Any], name: str, argument: str, path: Path) -> np.ndarray:
    if name not in arrays:
        raise DataError(f"{argument}: no array named {name!r} in {path.name}, which has {', '.join(arrays) or 'none'}")
    return arrays[name]


def _wanted(arrays: Mapping[str, Any], weights: str | bool, eigenvalues: str | None, path: Path) -> str:
    """Name of the array asked for; a file without names has one array, whatever it is called."""
    if list(arrays) == [ONLY_ARRAY]:
        return ONLY_ARRAY
    if weights is not True:
        return weights or eigenvalues or DEFAULT_NAME
    if len(arrays) != 1:
        raise DataError(f"weights: {path.name} has arrays {', '.join(arrays)}; say which, got True")
    return next(iter(arrays))


def _at_snapshot(values: np.ndarray, snapshot: int | None, argument: str, dims: int) -> np.ndarray:
    """The snapshot's (run, …) array of ``dims`` dimensions, from one with or without a snapshot axis."""
    if values.ndim != dims + 1:
        if snapshot is not None:
            raise DataError(f"snapshot: {argument} has no snapshot axis, its shape is {values.shape}; got {snapshot}")
        return values
    index = -1 if snapshot is None else snapshot
    if not -values.shape[1] <= index < values.shape[1]:
        raise DataError(f"snapshot: expected -{values.shape[1]} to {values.shape[1] - 1}, got {snapshot}")
    return values[:, index]
