"""What files of arrays hold: .npz and .npy (NumPy), .csv, .nc (netCDF), .safetensors. Nothing is ever unpickled."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from coulombfit.data.arrays import as_numbers
from coulombfit.data.dimensions import means
from coulombfit.data.files.csv_tables import read_csv
from coulombfit.data.files.netcdf import Group, open_netcdf
from coulombfit.data.files.numpy_files import open_npy, open_npz
from coulombfit.data.files.opening import LIMIT, exists, open_regular, refusing_damage, require_within
from coulombfit.runtime.errors import DataError

__all__ = ["ONLY_ARRAY", "Contents", "contents_of"]

ONLY_ARRAY = "(the only array)"
_PICKLES = (".pt", ".pth", ".bin", ".ckpt", ".pkl", ".pickle")
_KERAS = (".h5", ".hdf5", ".keras")


@dataclass(frozen=True)
class Contents:
    """Arrays of an open file.

    ``shapes`` by name, known without loading anything; ``load`` takes a name; ``dims`` are the names of dimensions of
    those arrays that have any; ``settings`` the file itself names, for :class:`coulombfit.Spectra`, where one that
    changes has shape (snapshot,); ``scalars`` it has by name besides arrays; ``steps`` are the training steps of
    snapshots, by the number of snapshots.
    """

    shapes: Mapping[str, tuple[int, ...]]
    load: Callable[[str], Any]
    dims: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    scalars: Mapping[str, Any] = field(default_factory=dict)
    steps: Mapping[int, list[float]] = field(default_factory=dict)


@contextmanager
def contents_of(path: Path, limit: int = LIMIT) -> Iterator[Contents]:
    """Open a file; the kind is told by its ending.

    :param limit: bytes of one array.
    :raises FileNotFoundError: where there is no such file.
    :raises DataError: for another kind of file, or one that cannot be read, here or when an array is loaded.
    """
    if not exists(path):
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
    with _READERS[kind](path, limit) as contents:
        yield contents


@contextmanager
def _read_npz(path: Path, limit: int) -> Iterator[Contents]:
    # arrays are loaded when asked for, so one that cannot be does no harm to the others
    with open_npz(path, limit) as (shapes, load):
        yield Contents(shapes, load)


@contextmanager
def _read_npy(path: Path, limit: int) -> Iterator[Contents]:
    with open_npy(path, limit) as (shape, load):
        yield Contents({ONLY_ARRAY: shape}, lambda _: load())


@contextmanager
def _read_csv(path: Path, limit: int) -> Iterator[Contents]:
    table = read_csv(path, limit)
    yield Contents({ONLY_ARRAY: table.shape}, lambda _: table, {ONLY_ARRAY: ("run", "level")})


@contextmanager
def _read_netcdf(path: Path, limit: int) -> Iterator[Contents]:
    with open_netcdf(path, limit) as groups:
        group = groups["/"]
        settings = dict(group.attributes)
        settings["provenance"] = _provenance(settings.get("provenance", "{}"))
        settings["name"] = str(settings["name"]) if settings.get("name") else None
        for name in ("learning_rate", "batch_size", "targets"):
            if name in group.shapes and (name == "targets" or name not in settings):
                settings[name] = group.load(name)
        yield Contents(group.shapes, group.load, group.dims, settings, group.attributes, _steps(group))


def _provenance(stored: Any) -> dict[str, Any]:
    """Provenance of spectra that were saved; a file of other making may have its own idea of it."""
    try:
        found = json.loads(stored)
    except (TypeError, ValueError, RecursionError):
        found = stored
    return found if isinstance(found, dict) else {"provenance": found}


def _steps(group: Group) -> dict[int, list[float]]:
    """Training steps of snapshots, by their number, where a variable says them."""
    found = {}
    for name, dims in group.dims.items():
        if len(dims) == 1 and means((name,), "snapshot") and means(dims, "snapshot"):
            steps = group.load(name)
            if steps.dtype.kind in "iuf" and np.isfinite(steps).all():
                found[len(steps)] = [float(step) for step in steps]
    return found


@contextmanager
def _read_safetensors(path: Path, limit: int) -> Iterator[Contents]:
    import ml_dtypes  # noqa: F401  tells NumPy of bfloat16 and float8
    from safetensors import safe_open

    with open_regular(path) as file, refusing_damage(path):
        size = file.seek(0, 2)
        file.seek(0)
        header = int.from_bytes(file.read(8), "little")
        if header > size - 8:
            raise ValueError(f"its header claims {header} bytes, and the file has {size}")
    with refusing_damage(path):
        # maps the file: what is not asked for is not read
        tensors = safe_open(path, framework="numpy")
        scalars = {key: text if (n := _number(text)) is None else n for key, text in (tensors.metadata() or {}).items()}
        shapes = {name: tuple(tensors.get_slice(name).get_shape()) for name in tensors.keys()}  # noqa: SIM118

    def load(name: str) -> np.ndarray:
        with refusing_damage(path):
            kind = tensors.get_slice(name).get_dtype()
            bits = re.search(r"\d+", kind)
            require_within(shapes[name], int(bits[0]) // 8 if bits else 1, limit, f"path: {name!r} in {path}")
            try:
                return as_numbers(tensors.get_tensor(name))
            except AttributeError:  # it looks for NumPy's own float8
                raise ValueError(f"{name!r} is of type {kind}; save it as float32") from None

    with tensors:
        settings = {key: scalars[key] for key in ("learning_rate", "batch_size") if key in scalars}
        yield Contents(shapes, load, settings=settings, scalars=scalars)


_READERS = {".npz": _read_npz, ".npy": _read_npy, ".csv": _read_csv, ".nc": _read_netcdf}
_READERS |= {".safetensors": _read_safetensors}


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
