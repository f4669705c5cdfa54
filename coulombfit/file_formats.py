"""What files of arrays hold: .npz and .npy (NumPy), .csv, .nc (netCDF), .safetensors. Nothing is ever unpickled."""

from __future__ import annotations

import json
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from coulombfit.errors import DataError
from coulombfit.weights import as_numbers

__all__ = ["ONLY_ARRAY", "Contents", "contents_of"]

ONLY_ARRAY = "(the only array)"
_PICKLES = (".pt", ".pth", ".bin", ".ckpt", ".pkl", ".pickle")
_KERAS = (".h5", ".hdf5", ".keras")


@dataclass(frozen=True)
class Contents:
    """Arrays of an open file.

    ``shapes`` by name, known without loading anything; ``load`` takes a name; ``settings`` the file itself names, for
    :class:`coulombfit.Spectra`; ``scalars`` it has by name besides arrays; ``by_run`` are the arrays whose first axis
    is known to be that of runs.
    """

    shapes: Mapping[str, tuple[int, ...]]
    load: Callable[[str], Any]
    settings: Mapping[str, Any] = field(default_factory=dict)
    scalars: Mapping[str, Any] = field(default_factory=dict)
    by_run: frozenset[str] = frozenset()


@contextmanager
def contents_of(path: Path) -> Iterator[Contents]:
    """Open a file; the kind is told by its ending.

    :raises FileNotFoundError: where there is no such file.
    :raises DataError: for another kind of file, or one that cannot be read, here or within the block.
    """
    if not path.exists():
        raise FileNotFoundError(f"path: no such file: {path}")
    kind = path.suffix.lower()
    if kind in _PICKLES:
        raise DataError(
            f"path: {path.name} may hold Python objects, and nothing is unpickled here; convert it where it was made: "
            "safetensors.torch.save_file(model.state_dict(), 'model.safetensors')"
        )
    if kind in _KERAS:
        raise DataError(
            f"path: cannot read {path.name}; write its weights as safetensors or .npz where it was made: "
            "safetensors.numpy.save_file({w.path: np.asarray(w) for w in model.weights}, 'model.safetensors')"
        )
    if kind not in _READERS or path.is_dir():
        what = "a folder that is no recording" if path.is_dir() else path.name
        raise DataError(f"path: expected a file ending in {', '.join(_READERS)}, got {what}")
    try:
        with _READERS[kind](path) as contents:
            yield contents
    except DataError:
        raise
    except (OSError, ValueError, TypeError, EOFError, KeyError, zipfile.BadZipFile, zlib.error) as error:
        raise DataError(f"path: cannot read {path}: {error}") from None


@contextmanager
def _read_npz(path: Path) -> Iterator[Contents]:
    # arrays are loaded when asked for, so one that cannot be does no harm to the others
    archive = np.load(path, allow_pickle=False)
    if not isinstance(archive, np.lib.npyio.NpzFile):
        raise ValueError("it holds a single array, as an .npy file does")
    with archive:
        yield Contents({name: _shape_in(archive.zip, name) for name in archive.files}, lambda name: archive[name])


def _shape_in(archive: zipfile.ZipFile, name: str) -> tuple[int, ...]:
    """Shape of an array of an .npz file, from its header."""
    try:
        with archive.open(f"{name}.npy") as file:
            old = np.lib.format.read_magic(file) == (1, 0)
            return (np.lib.format.read_array_header_1_0 if old else np.lib.format.read_array_header_2_0)(file)[0]
    except (KeyError, ValueError):  # no array; whoever asks for it will be told
        return ()


@contextmanager
def _read_npy(path: Path) -> Iterator[Contents]:
    array = np.load(path, allow_pickle=False)
    if not isinstance(array, np.ndarray):
        raise ValueError("it is an archive of arrays, as an .npz file is")
    yield Contents({ONLY_ARRAY: array.shape}, lambda _: array)


@contextmanager
def _read_csv(path: Path) -> Iterator[Contents]:
    # spreadsheets write a byte-order mark
    with path.open(encoding="utf-8-sig") as lines:
        rows = lines.read().splitlines()
    if not rows:
        raise ValueError("it is empty")
    first = rows[0].split(",")
    header = not any(_number(cell) is not None for cell in first)
    if header and not first[0].strip():
        raise ValueError("its first column has no name and looks like an index; leave it out")
    array = np.loadtxt(rows, delimiter=",", skiprows=int(header), ndmin=2)
    yield Contents({ONLY_ARRAY: array.shape}, lambda _: array, by_run=frozenset([ONLY_ARRAY]))


@contextmanager
def _read_netcdf(path: Path) -> Iterator[Contents]:
    with xr.open_dataset(path, engine="h5netcdf") as dataset:
        stored: dict[str, Any] = dict(dataset.attrs)
        try:
            provenance = json.loads(stored.get("provenance", "{}"))
        except json.JSONDecodeError:
            provenance = stored["provenance"]
        # a file of other making may have its own idea of provenance
        stored["provenance"] = provenance if isinstance(provenance, dict) else {"provenance": provenance}
        variables = {str(name): variable for name, variable in dataset.variables.items()}
        stored["targets"] = variables["targets"].to_numpy() if "targets" in variables else None
        yield Contents(
            {name: variable.shape for name, variable in variables.items()},
            lambda name: variables[name].to_numpy(),
            stored,
            dataset.attrs,
            frozenset(name for name, variable in variables.items() if variable.dims[:1] == ("run",)),
        )


@contextmanager
def _read_safetensors(path: Path) -> Iterator[Contents]:
    import ml_dtypes  # noqa: F401  tells NumPy of bfloat16 and float8
    from safetensors import SafetensorError, safe_open

    try:
        # maps the file: what is not asked for is not read
        with safe_open(path, framework="numpy") as file:
            scalars = {
                key: text if (n := _number(text)) is None else n for key, text in (file.metadata() or {}).items()
            }
            yield Contents(
                {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()},  # noqa: SIM118
                lambda name: _tensor(file, name),
                {key: scalars[key] for key in ("learning_rate", "batch_size") if key in scalars},
                scalars,
            )
    except SafetensorError as error:
        raise ValueError(str(error)) from None


def _tensor(file: Any, name: str) -> np.ndarray:
    try:
        return as_numbers(file.get_tensor(name))
    except AttributeError:  # it looks for NumPy's own float8
        raise ValueError(f"{name!r} is of type {file.get_slice(name).get_dtype()}; save it as float32") from None


_READERS = {".npz": _read_npz, ".npy": _read_npy, ".csv": _read_csv, ".nc": _read_netcdf}
_READERS |= {".safetensors": _read_safetensors}


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
