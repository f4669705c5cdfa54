"""Recordings: how a training run's spectra lie on disk, and reading them back.

A recording is a folder: a header, ``recording.json``, and segments, ``SESSION-PART.nc``. Each file is written to
another name and renamed, so whoever reads, at any time, sees only whole files. A segment grows by being replaced, up to
about a megabyte. Every recorder that goes on with a recording begins a session. A session that starts again from an
earlier step, as after a restart from a checkpoint, supersedes what earlier ones have at that step and beyond.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike

from coulombfit.data.arrays import real_array
from coulombfit.data.clusters import Clusters, stated_clusters
from coulombfit.data.files.netcdf import open_netcdf
from coulombfit.data.files.opening import LIMIT, check_limit, exists, open_regular, refusing_damage, require_within
from coulombfit.runtime.atomic_files import write_text
from coulombfit.runtime.errors import ArgumentError, DataError

__all__ = [
    "HEADER",
    "Header",
    "clusters_by_layer",
    "list_names",
    "match_names",
    "recording",
    "segments",
    "targets_by_layer",
]

HEADER = "recording.json"
FORMAT = "coulombfit recording"
VERSION = 1
SETTINGS = ("learning_rate", "batch_size")
LONGEST_HEADER = 2**24
SEGMENT_NAME = re.compile(r"[0-9]{4,}-[0-9]{6,}\.nc")


@dataclass(frozen=True)
class Header:
    """What does not change: ``layers``, the (M, N) of each by name; the number of ``runs``, None where there is no run
    axis; ``targets`` by layer; ``name``; ``clusters``, the grouping of levels that was stated, by layer.
    """

    layers: dict[str, list[int]]
    runs: int | None
    targets: dict[str, list[float]]
    name: str
    clusters: dict[str, list[list[int]]] = field(default_factory=dict)

    def write(self, folder: Path) -> None:
        """Write it into a recording."""
        content = {"format": FORMAT, "version": VERSION, **asdict(self)}
        if not self.clusters:
            del content["clusters"]  # earlier versions read what needs nothing new
        text = json.dumps(content, indent=2, allow_nan=False)
        write_text(text + "\n", folder / HEADER)

    @classmethod
    def read(cls, folder: Path) -> Header:
        """Read it from a recording.

        :raises DataError: where there is none, or of another version.
        """
        try:
            with open_regular(folder / HEADER) as file, refusing_damage(folder / HEADER):
                content = file.read(LONGEST_HEADER + 1)
                if len(content) > LONGEST_HEADER:
                    raise ValueError(f"it has more than {LONGEST_HEADER} bytes")
                found = json.loads(content)
        except FileNotFoundError:
            raise DataError(f"path: {folder} is no recording, it has no {HEADER}") from None
        kind = (found.pop("format", None), found.pop("version", None)) if isinstance(found, dict) else (None, None)
        if kind != (FORMAT, VERSION):
            raise DataError(f"path: expected {FORMAT!r} of version {VERSION} in {folder / HEADER}, got {kind}")
        with refusing_damage(folder / HEADER):
            _check_header(**found)
            return cls(**found)

    def layer(self, pattern: str | None, argument: str = "layer") -> str:
        """The one layer of that name, or that matches a pattern; the only one where None.

        :raises DataError: where there is none, or several.
        """
        found = list(self.layers) if pattern is None else match_names(pattern, self.layers)
        if len(found) == 1:
            return found[0]
        wanted = "say which layer" if pattern is None else f"expected {pattern!r} to name one layer, got {len(found)}"
        raise DataError(f"{argument}: {wanted}; the recording has {list_names(self.layers)}")


def match_names(pattern: str, names: Iterable[str]) -> list[str]:
    """Names that a pattern such as ``"layers.*.weight"`` matches; a name itself matches only itself."""
    names = list(names)
    return [pattern] if pattern in names else [name for name in names if fnmatchcase(name, pattern)]


def list_names(names: Iterable[str], most: int = 20) -> str:
    """Names in an error message: the first ``most`` of them, and how many more there are."""
    names = list(names)
    rest = f" and {len(names) - most} more" if len(names) > most else ""
    return (", ".join(names[:most]) or "none") + rest


def segments(folder: Path) -> dict[int, list[Path]]:
    """Files of every session, both in order."""
    found: dict[int, list[Path]] = {}
    for path in sorted(each for each in folder.glob("*.nc") if SEGMENT_NAME.fullmatch(each.name)):
        found.setdefault(int(path.name.partition("-")[0]), []).append(path)
    return found


def recording(path: str | Path, layer: str | None = None, limit: int = LIMIT) -> xr.Dataset:
    """What a :class:`coulombfit.Recorder` has written up to now, also while it records.

    ``eigenvalues`` (snapshot[, run], level), descending, NaN where weights were not finite; along snapshot the
    coordinate ``step`` and the variables ``learning_rate`` and ``batch_size``, NaN where not known. Attributes: the
    ``layer``, all ``layers`` as JSON, the ``name``, ``targets`` where known, and ``clusters`` as JSON where stated.

    :param path: folder of the recording.
    :param layer: name of a layer, or a pattern that matches one; not needed where there is only one.
    :param limit: bytes that all of it may take; 4 GiB if not given.
    :raises FileNotFoundError: where there is no such folder.
    :raises DataError: where it is no recording, is damaged, exceeds the limit, has no snapshot yet, or no or several
        such layers.
    """
    check_limit(limit)
    path = Path(path)
    if not exists(path):
        raise FileNotFoundError(f"path: no such folder: {path}")
    header = Header.read(path)
    layer = header.layer(layer)
    place = list(header.layers).index(layer)
    expected = (*(() if header.runs is None else (header.runs,)), min(header.layers[layer]))
    pieces: list[xr.Dataset] = []
    end, size = np.inf, 0
    for _, files in sorted(segments(path).items(), reverse=True):
        session = [_load(file, place, expected, limit) for file in files]
        size += sum(piece.nbytes for piece in session)
        require_within((size,), 1, limit, f"path: {path}")
        pieces = [piece.isel(snapshot=piece["step"].to_numpy() < end) for piece in session] + pieces
        end = min(end, float(session[0]["step"][0]))
    if not pieces:
        raise DataError(f"path: {path} has no snapshot yet")
    data = xr.concat(pieces, "snapshot", data_vars="minimal", coords="minimal", compat="override", join="exact")
    attributes: dict[str, Any] = {"layer": layer, "layers": json.dumps(list(header.layers)), "name": header.name}
    if layer in header.targets:
        attributes["targets"] = header.targets[layer]
    if layer in header.clusters:
        attributes["clusters"] = json.dumps(header.clusters[layer])
    return data.set_coords("step").assign_attrs(attributes)


def _load(file: Path, place: int, expected: tuple[int, ...], limit: int) -> xr.Dataset:
    """One segment; of one layer, that of a place."""
    with open_netcdf(file, limit) as groups, refusing_damage(file):
        group = groups["/"]
        along = {name: group.load(name) for name in ("step", *SETTINGS)}
        x = group.load(f"eigenvalues_{place}")
        if along["step"].dtype.kind not in "iu" or (np.diff(along["step"]) <= 0).any():
            raise ValueError("its steps are not ascending whole numbers")
        if not along["step"].size or x.shape != (along["step"].size, *expected) or x.dtype.kind != "f":
            raise ValueError(f"expected snapshots of shape {expected}, got shape {x.shape} of {x.dtype}")
        dims = ("snapshot", *("run",) * (len(expected) - 1), "level")
        variables: dict[str, Any] = {name: ("snapshot", values) for name, values in along.items()}
        return xr.Dataset(variables | {"eigenvalues": (dims, x)})


def _check_header(layers: Any, runs: Any, targets: Any, name: Any, clusters: Any = None) -> None:
    """Refuse what no recorder writes.

    :raises ValueError: naming the part.
    """
    if not isinstance(layers, dict) or not layers:
        raise ValueError(f"layers: expected shapes by name, got {layers!r}")
    for layer, shape in layers.items():
        if not isinstance(shape, list) or len(shape) != 2 or not all(_counts(length) for length in shape):
            raise ValueError(f"layers: expected [M, N] for {layer!r}, got {shape!r}")
    if runs is not None and not _counts(runs):
        raise ValueError(f"runs: expected a number of runs or null, got {runs!r}")
    if not isinstance(name, str):
        raise ValueError(f"name: expected text, got {name!r}")
    if not isinstance(targets, dict):
        raise ValueError(f"targets: expected values by layer, got {targets!r}")
    targets_by_layer(targets, layers)
    if clusters is not None and (not isinstance(clusters, dict) or clusters_by_layer(clusters, layers) != clusters):
        raise ValueError(f"clusters: expected every level of a layer once, by layer, got {clusters!r}")


def _counts(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


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
            raise ArgumentError(f"targets: expected a mapping by layer, as there are {len(shapes)}")
        given = dict.fromkeys(shapes, given)
    found = {}
    for layer, values in given.items():
        x = real_array(values, "targets")
        if layer not in shapes or x.shape != (min(shapes[layer]),) or (x < 0).any():
            raise ArgumentError(
                f"targets: expected (level,) numbers from 0 for each of {shapes}, got shape {x.shape} for {layer!r}"
            )
        found[layer] = np.sort(x)[::-1].tolist()
    return found


def clusters_by_layer(
    given: Clusters | Mapping[str, Clusters] | None, shapes: Mapping[str, list[int]]
) -> dict[str, list[list[int]]]:
    """Groupings of the layers for which one is stated, each checked against the number of its levels.

    :param given: as :class:`coulombfit.Spectra` takes them, for all layers, or by layer; "auto" states nothing.
    :param shapes: (M, N) of each layer.
    :raises ArgumentError: for an unknown layer.
    :raises DataError: for clusters that are none, naming the layer.
    """
    by_layer = given if isinstance(given, Mapping) else dict.fromkeys(shapes, given)
    if unknown := [str(layer) for layer in by_layer if layer not in shapes]:
        raise ArgumentError(f"clusters: expected layers among {list_names(shapes)}, got {list_names(unknown)}")
    found = {}
    for layer, clusters in by_layer.items():
        try:
            stated = stated_clusters(clusters, min(shapes[layer]))
        except DataError as error:
            raise DataError(f"{error} (layer {layer!r})" if len(shapes) > 1 else str(error)) from None
        if stated is not None:
            found[layer] = stated
    return found
