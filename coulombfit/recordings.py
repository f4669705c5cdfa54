"""Recordings: how a training run's spectra lie on disk, and reading them back.

A recording is a folder: a header, ``recording.json``, and segments, ``SESSION-PART.nc``. Each file is written to
another name and renamed, so whoever reads, at any time, sees only whole files. A segment grows by being replaced, up to
about a megabyte. Every recorder that goes on with a recording begins a session. A session that starts again from an
earlier step, as after a restart from a checkpoint, supersedes what earlier ones have at that step and beyond.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike

from coulombfit.errors import DataError
from coulombfit.files import write_text

__all__ = ["HEADER", "Header", "listed", "matching", "recording", "segments", "targets_by_layer"]

HEADER = "recording.json"
FORMAT = "coulombfit recording"
VERSION = 1
SETTINGS = ("learning_rate", "batch_size")


@dataclass(frozen=True)
class Header:
    """What does not change: ``layers``, the (M, N) of each by name; the number of ``runs``, None where there is no run
    axis; ``targets`` by layer; ``name``.
    """

    layers: dict[str, list[int]]
    runs: int | None
    targets: dict[str, list[float]]
    name: str

    def write(self, folder: Path) -> None:
        """Write it into a recording."""
        text = json.dumps({"format": FORMAT, "version": VERSION, **asdict(self)}, indent=2, allow_nan=False)
        write_text(text + "\n", folder / HEADER)

    @classmethod
    def read(cls, folder: Path) -> Header:
        """Read it from a recording.

        :raises DataError: where there is none, or of another version.
        """
        try:
            found = json.loads((folder / HEADER).read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise DataError(f"path: {folder} is no recording, it has no {HEADER}") from None
        except (OSError, ValueError) as error:
            raise DataError(f"path: cannot read {folder / HEADER}: {error}") from None
        kind = (found.pop("format", None), found.pop("version", None)) if isinstance(found, dict) else (None, None)
        if kind != (FORMAT, VERSION):
            raise DataError(f"path: expected {FORMAT!r} of version {VERSION} in {folder / HEADER}, got {kind}")
        try:
            return cls(**found)
        except TypeError as error:
            raise DataError(f"path: cannot read {folder / HEADER}: {error}") from None

    def layer(self, pattern: str | None, argument: str = "layer") -> str:
        """The one layer of that name, or that matches a pattern; the only one where None.

        :raises DataError: where there is none, or several.
        """
        found = list(self.layers) if pattern is None else matching(pattern, self.layers)
        if len(found) == 1:
            return found[0]
        wanted = "say which layer" if pattern is None else f"expected {pattern!r} to name one layer, got {len(found)}"
        raise DataError(f"{argument}: {wanted}; the recording has {listed(self.layers)}")


def matching(pattern: str, names: Iterable[str]) -> list[str]:
    """Names that a pattern such as ``"layers.*.weight"`` matches; a name itself matches only itself."""
    names = list(names)
    return [pattern] if pattern in names else [name for name in names if fnmatchcase(name, pattern)]


def listed(names: Iterable[str], most: int = 20) -> str:
    """Names for an error, no more than anyone would read."""
    names = list(names)
    rest = f" and {len(names) - most} more" if len(names) > most else ""
    return (", ".join(names[:most]) or "none") + rest


def segments(folder: Path) -> dict[int, list[Path]]:
    """Files of every session, both in order."""
    found: dict[int, list[Path]] = {}
    for path in sorted(folder.glob("[0-9]*-[0-9]*.nc")):
        found.setdefault(int(path.name.partition("-")[0]), []).append(path)
    return found


def recording(path: str | Path, layer: str | None = None) -> xr.Dataset:
    """What a :class:`coulombfit.Recorder` has written up to now, also while it records.

    ``eigenvalues`` (snapshot[, run], level), descending, NaN where weights were not finite; along snapshot the
    coordinate ``step`` and the variables ``learning_rate`` and ``batch_size``, NaN where not known. Attributes: the
    ``layer``, all ``layers`` as JSON, the ``name``, and ``targets`` where known.

    :param path: folder of the recording.
    :param layer: name of a layer, or a pattern that matches one; not needed where there is only one.
    :raises FileNotFoundError: where there is no such folder.
    :raises DataError: where it is no recording, has no snapshot yet, or no or several such layers.
    """
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"path: no such folder: {path}")
    header = Header.read(path)
    layer = header.layer(layer)
    variable = f"eigenvalues_{list(header.layers).index(layer)}"
    pieces: list[xr.Dataset] = []
    end = np.inf
    for _, files in sorted(segments(path).items(), reverse=True):
        session = [_load(file, variable) for file in files]
        pieces = [piece.isel(snapshot=piece["step"].to_numpy() < end) for piece in session] + pieces
        end = min(end, float(session[0]["step"][0]))
    if not pieces:
        raise DataError(f"path: {path} has no snapshot yet")
    data = xr.concat(pieces, "snapshot", data_vars="minimal", coords="minimal", compat="override", join="exact")
    attributes: dict[str, Any] = {"layer": layer, "layers": json.dumps(list(header.layers)), "name": header.name}
    if layer in header.targets:
        attributes["targets"] = header.targets[layer]
    return data.set_coords("step").assign_attrs(attributes)


def _load(file: Path, variable: str) -> xr.Dataset:
    try:
        with xr.open_dataset(file, engine="h5netcdf") as data:
            piece = data[["step", *SETTINGS, variable]].load()
    except (OSError, ValueError, KeyError) as error:
        raise DataError(f"path: cannot read {file}: {error}") from None
    level = piece[variable].dims[-1]
    return piece.rename({variable: "eigenvalues", level: "level"})


def targets_by_layer(
    given: ArrayLike | Mapping[str, ArrayLike] | None, shapes: Mapping[str, list[int]]
) -> dict[str, list[float]]:
    """Targets of the layers that have any, descending.

    :param given: shape (level,), where there is one layer; otherwise a mapping by layer.
    :param shapes: (M, N) of each layer.
    :raises ValueError: for an unknown layer, another shape, or what is not finite.
    """
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        if len(shapes) != 1:
            raise ValueError(f"targets: expected a mapping by layer, as there are {len(shapes)}")
        given = dict.fromkeys(shapes, given)
    found = {}
    for layer, values in given.items():
        x = np.asarray(values, np.float64)
        if layer not in shapes or x.shape != (min(shapes[layer]),) or not np.isfinite(x).all():
            raise ValueError(
                f"targets: expected (level,) finite numbers for each of {shapes}, got shape {x.shape} for {layer!r}"
            )
        found[layer] = np.sort(x)[::-1].tolist()
    return found
