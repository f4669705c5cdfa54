"""Reading spectra from files of arrays and from recordings: one file of many runs, or many files of one run each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, SupportsFloat

from numpy.typing import ArrayLike

from coulombfit.data.arrays import positive, whole_number
from coulombfit.data.chosen_levels import Levels, places_of
from coulombfit.data.clusters import Clusters, stated_clusters
from coulombfit.data.drift import judge_drift
from coulombfit.data.files.opening import LIMIT, check_limit, exists
from coulombfit.data.last_snapshot import judge_places
from coulombfit.data.own_places import find_in_later_half
from coulombfit.data.reading.joining import is_recording, join_runs, numbers_of, require_some
from coulombfit.data.reading.recordings import merge_settings, one_snapshot, trajectory_of
from coulombfit.data.reading.select import Others, Wanted, layers_in, levels_in, runs_in
from coulombfit.data.recording.store import Header, list_names, match_names
from coulombfit.data.spectra import Spectra
from coulombfit.runtime.errors import ArgumentError, DataError

__all__ = ["read", "read_layers"]


def read(
    path: str | Path | Iterable[str | Path],
    *,
    weights: str | bool = False,
    eigenvalues: str | None = None,
    snapshot: int | None = None,
    burn_in: int | None = None,
    learning_rate: str | SupportsFloat | None = None,
    batch_size: str | SupportsFloat | None = None,
    targets: str | ArrayLike | None = None,
    factor: str | SupportsFloat | None = None,
    name: str | None = None,
    limit: int = LIMIT,
    clusters: Clusters | None = "auto",
    levels: Levels | None = None,
) -> Spectra:
    """Read spectra of one training setting: from a file, whose kind is told by its ending, a recording, or many.

    Arrays of a file have a run axis, and maybe a snapshot axis behind it: weights (run, M, N) or (run, snapshot, M, N),
    eigenvalues (run, level) or (run, snapshot, level). A .csv file has one row a run, one column a level, and maybe a
    header. Each of several files may also hold one run, weights (M, N) or eigenvalues (level,), or with ``snapshot``
    the snapshots of one run in front. Either convention of a layer, (out, in) or (in, out), gives the same levels.
    Where a file names the dimensions of an array (run, snapshot, level, M, N), as .nc files do, names decide.

    A recording is the folder of a :class:`coulombfit.Recorder`. Of many runs one snapshot is taken. The snapshots of
    one run are thinned by :meth:`coulombfit.Spectra.from_trajectory`, and so are those of many where ``burn_in`` is
    given. Of several recordings one snapshot each is taken. Settings are those recorded.

    Where there are other snapshots of at least 10 runs, the one that is taken is compared with them; where there are 9
    up to it, at known and even steps, whether runs keep places of their own is asked, too. The outcome is in
    ``provenance["stationarity"]``, beside the file, the array, the snapshot with its step, and the number of runs.

    :param path: ``.npz``, ``.npy``, ``.csv``, ``.nc``, ``.safetensors`` or a recording; or several, of one setting.
    :param weights: name of the array of weight matrices, or a pattern such as ``"*.3.weight"`` that matches one; or
        True where the file holds only one array. In .npy and .csv files, which have no names, any name will do. Of a
        recording, the layer.
    :param eigenvalues: the same for eigenvalues, where those are in the file; "eigenvalues" if not given.
    :param snapshot: which snapshot, negative counting from the last; the last one if not given.
    :param burn_in: of a recording, the training step before which to discard everything.
    :param learning_rate: a number, or the name of a scalar in the file.
    :param batch_size: a number, or the name of a scalar in the file.
    :param targets: values of shape (level,), or the name of an array in the file.
    :param factor: what widths are known to be proportional to besides √(α/\\|B\\|), such as the noise of a teacher: a
        number, or the name of a scalar in the file. Kept in ``provenance["factor"]`` for :func:`coulombfit.scaling`.
    :param name: what to call the data; the file's stem if not given.
    :param limit: bytes that one array, a table of text, or a recording may take; 4 GiB if not given. What exceeds it is
        refused by the sizes in its header.
    :param clusters: which levels belong together, as for :class:`coulombfit.Spectra`; with "auto" what saved spectra
        state.
    :param levels: which levels to keep, as for :class:`coulombfit.Spectra`.
    :raises FileNotFoundError: where there is no such file.
    :raises ArgumentError: for both ``weights`` and ``eigenvalues``, or ``burn_in`` without one recording.
    :raises DataError: for an unreadable or damaged file, or one that is no regular file or leads to others; for a wrong
        name, shape or value; for copies of runs; for files that differ in shape or setting. Python objects in a file
        are never loaded.
    :warns UserWarning: where the snapshot taken is a copy of others, or differs from them (p < 0.001): the ensemble is
        not stationary; where runs keep places of their own, as networks do that began differently.
    """
    if weights and eigenvalues is not None:
        raise ArgumentError("weights, eigenvalues: give the name of one of them, got both")
    snapshot = None if snapshot is None else whole_number(snapshot, "snapshot")
    burn_in = None if burn_in is None else whole_number(burn_in, "burn_in")
    check_limit(limit)
    paths, alone = _paths(path)
    wanted = Wanted(weights, eigenvalues, snapshot, limit)
    given = {"learning_rate": learning_rate, "batch_size": batch_size, "targets": targets, "factor": factor}
    stated_clusters(clusters if isinstance(clusters, str) else None, 1)  # refuses other words before anything is read
    grouping = {"clusters": clusters, "levels": levels}
    if missing := [each for each in paths if not exists(each)]:
        raise FileNotFoundError(f"path: no such file: {missing[0]}")
    if burn_in is not None and not (alone and is_recording(paths[0])):
        what = paths[0] if alone else f"{len(paths)} paths"
        raise ArgumentError(f"burn_in: it is of a single recording, the folder of a Recorder, got {what}")
    found = None
    if alone and is_recording(paths[0]):
        setting: dict[str, Any] = {**numbers_of(given, paths[0]), "name": name}
        if (known := positive(setting.pop("factor"), "factor")) is not None:
            setting["provenance"] = {"factor": known}
        if (spectra := trajectory_of(paths[0], wanted.layer, snapshot, burn_in, setting | grouping, limit)) is not None:
            return _add_provenance(spectra, runs=spectra.runs)
        found = one_snapshot(paths[0], wanted.layer, snapshot, limit)
        found = found._replace(described=merge_settings(found.described, setting))
    else:
        found = runs_in(paths[0], wanted, given) if alone else join_runs(paths, wanted, given)
    described = found.described | grouping
    described["name"] = name or described.get("name") or paths[0].stem
    described |= {each: positive(described.get(each), each) for each in ("learning_rate", "batch_size")}
    if (proportional := positive(described.pop("factor", None), "factor")) is not None:
        described["provenance"]["factor"] = proportional
    spectra = Spectra.from_weights(found.values, **described) if found.matrices else Spectra(found.values, **described)
    if spectra.levels == 1 and (weights or is_recording(paths[0])) and "levels" not in spectra.provenance:
        spectra = _add_provenance(spectra, levels=[0])  # the one level of each run, not levels pooled from pairs
    return _judge_stationarity(_add_provenance(spectra, runs=spectra.runs), found.others, described["provenance"])


def _add_provenance(spectra: Spectra, **provenance: Any) -> Spectra:
    return replace(spectra, provenance={**spectra.provenance, **provenance})


def _judge_stationarity(spectra: Spectra, others: Others | None, known: Mapping[str, Any]) -> Spectra:
    """Spectra that say whether their ensemble was stationary, where that can be seen.

    :param known: provenance of all levels, before some of them were chosen.
    """
    if others is None or others.levels.shape[:2] != (spectra.runs, len(others.steps)):
        return spectra
    places = places_of(known, others.levels.shape[2])
    chosen = places_of(spectra.provenance, spectra.levels)
    before = others.levels[:, :, [places.index(place) for place in chosen]]
    groups = spectra.clusters if spectra.grouped_by == "stated" else None
    told = f"{spectra.name}: "
    record = judge_drift(
        spectra.eigenvalues, before, others.step, others.steps, others.copies, told, groups=groups, places=chosen
    )
    if others.late is not None:
        late = others.late[:, :, [places.index(place) for place in chosen]]
        record = judge_places(record, find_in_later_half(late, others.late_steps, groups), told)
    return _add_provenance(spectra, stationarity=record)


def read_layers(
    path: str | Path | Iterable[str | Path],
    pattern: str = "*",
    *,
    snapshot: int | None = None,
    burn_in: int | None = None,
    learning_rate: str | SupportsFloat | None = None,
    batch_size: str | SupportsFloat | None = None,
    targets: Mapping[str, ArrayLike] | None = None,
    factor: str | SupportsFloat | None = None,
    name: str | None = None,
    limit: int = LIMIT,
    clusters: Clusters | Mapping[str, Clusters] | None = "auto",
    levels: Levels | Mapping[str, Levels] | None = None,
) -> dict[str, Spectra]:
    """Spectra of every layer, by its name: from many files of one run each, one file of many runs, or a recording.

    Layers are the matrices whose names match: arrays (M, N) of several files, (run, M, N) of one, with the snapshot
    axis of :func:`read` where ``snapshot`` is given. Others, such as biases and convolutions, are left out. A file
    without matrices has as layers the eigenvalues of runs by the names of their dimensions, (run, snapshot, level_0),
    (run, snapshot, level_1), … as :mod:`simulators.mlp` saves them.

    :param path: as in :func:`read`.
    :param pattern: of names, such as ``"encoder.*.weight"``.
    :param snapshot: as in :func:`read`; without it, arrays are taken to have no snapshot axis.
    :param burn_in: as in :func:`read`.
    :param learning_rate: as in :func:`read`.
    :param batch_size: as in :func:`read`.
    :param targets: shape (level,), by name of a layer.
    :param factor: as in :func:`read`.
    :param name: what to call the data, to which the name of the layer is added.
    :param limit: as in :func:`read`.
    :param clusters: as in :func:`read`, for all layers, or by name of a layer, "auto" for those that are not named.
    :param levels: as in :func:`read`, for all layers, or by name of a layer, all of those that are not named.
    :raises ArgumentError: as :func:`read`, and for targets, clusters or levels of a layer that is not there.
    :raises DataError: as :func:`read`, and where no layer matches, or files have different layers.
    """
    snapshot = None if snapshot is None else whole_number(snapshot, "snapshot")
    check_limit(limit)
    paths, alone = _paths(path)
    require_some(paths)
    extra = ("run",) * alone + ("snapshot",) * (snapshot is not None)
    layers, kind = _layers(paths[0], pattern, extra, limit), "weights"
    for other in paths[1:]:
        if (theirs := _layers(other, pattern, extra, limit)) != layers:
            apart = list_names(sorted(set(layers) ^ set(theirs)))
            raise DataError(f"path: expected the same layers, {paths[0]} and {other} differ in {apart}")
    if not layers and alone and not is_recording(paths[0]):
        layers, kind = levels_in(paths[0], pattern, limit), "eigenvalues"
    if not layers:
        what = "weights (M, N)" if not alone else "weights (run, M, N); of files of one run each, give several"
        raise DataError(f"pattern: expected {pattern!r} to match {what} in {paths[0].name}, got none")
    by_layer = {"targets": targets or {}, "clusters": clusters, "levels": levels}
    for argument, given in by_layer.items():
        if isinstance(given, Mapping) and (unknown := set(given) - set(layers)):
            raise ArgumentError(f"{argument}: expected layers among {list_names(layers)}, got {list_names(unknown)}")
    setting: dict[str, Any] = {"learning_rate": learning_rate, "batch_size": batch_size, "factor": factor}
    found = {}
    for layer in layers:
        of_layer = setting | {
            argument: given.get(layer) if isinstance(given, Mapping) else given for argument, given in by_layer.items()
        }
        source = paths[0] if alone else paths
        which: dict[str, Any] = {kind: layer}
        try:
            one = read(source, snapshot=snapshot, burn_in=burn_in, name=name, limit=limit, **which, **of_layer)
        except DataError as error:
            if str(error).startswith(("clusters:", "levels:")):  # which say nothing of the layer
                raise DataError(f"{error} (layer {layer!r})") from None
            raise
        found[layer] = replace(one, name=f"{one.name}, {layer}")
    return found


def _paths(path: str | Path | Iterable[str | Path]) -> tuple[list[Path], bool]:
    """All of them, and whether it is a single one, which is not the same as one in a list."""
    if isinstance(path, str | Path):
        return [Path(path)], True
    try:
        return [Path(each) for each in path], False
    except TypeError:
        raise ArgumentError(f"path: expected a path or several, got {path!r}") from None


def _layers(path: Path, pattern: str, extra: tuple[str, ...], limit: int) -> list[str]:
    if is_recording(path):
        return sorted(match_names(pattern, Header.read(path).layers))
    return layers_in(path, pattern, extra, limit)
