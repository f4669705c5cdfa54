"""What a fit was given: the record of its data, and the lines that say it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from coulombfit.answers.answer import Answer
from coulombfit.answers.numbers import plus_minus
from coulombfit.data.chosen_levels import parted_in, places_of
from coulombfit.data.clusters import GROUPED, describe_clusters, doubt_pair, doubt_parted
from coulombfit.data.spectra import Spectra
from coulombfit.data.trajectories import Trajectories
from coulombfit.inference.record import DataRecord

__all__ = ["describe_given", "doubt_levels", "doubts_about", "given_for_json", "record_given"]

APART = "every level by itself, as this likelihood takes levels at any distance"
MOST = 6
"""Levels that are listed one by one."""


def record_given(
    spectra: Spectra | Trajectories, *, pooled: bool, degenerate: bool = True, apart: bool = False
) -> DataRecord:
    """Name, runs, setting, fingerprint, provenance, every level with its place, mean and sd, which belong together and
    who says so, and what makes it doubtful that two levels are a degenerate pair, or a level one by itself.

    :param degenerate: that two levels are taken for a degenerate pair.
    :param apart: that levels were taken one by one, at whatever distance.
    """
    x = spectra.eigenvalues.reshape(-1, spectra.levels)  # of trajectories, over all snapshots
    places = places_of(spectra.provenance, spectra.levels)
    statistics = zip(places, x.mean(axis=0), x.std(axis=0, ddof=1), strict=True)
    return DataRecord(
        name=spectra.name,
        runs=spectra.runs,
        learning_rate=spectra.learning_rate,
        batch_size=spectra.batch_size,
        fingerprint=spectra.fingerprint,
        provenance=spectra.provenance,
        pooled=pooled,
        levels=tuple({"level": int(k), "mean": float(mean), "sd": float(sd)} for k, mean, sd in statistics),
        doubt="" if pooled else doubt_levels(spectra, degenerate=degenerate and not apart),
        grouping="" if pooled else APART if apart and spectra.levels > 1 else _grouping(spectra),
    )


def doubt_levels(spectra: Spectra | Trajectories, *, degenerate: bool = True) -> str:
    """What tells two levels from any degenerate pair, or a chosen part of a cluster from levels with a law of their
    own; empty where nothing does, or snapshots of a run are not independent."""
    if isinstance(spectra, Trajectories):
        return ""
    places = places_of(spectra.provenance, spectra.levels)
    if cut := [cluster for cluster in parted_in(spectra.provenance) if set(cluster) & set(places)]:
        return doubt_parted(places, cut, _grouped_by(spectra))
    return doubt_pair(spectra.eigenvalues) if spectra.levels == 2 and degenerate else ""


def _grouped_by(spectra: Spectra) -> str:
    """Who grouped these levels, when they were taken from others or now."""
    by = spectra.provenance.get("grouping")
    return by if isinstance(by, str) and by in GROUPED else spectra.grouped_by


def _grouping(spectra: Spectra | Trajectories) -> str:
    """Which levels belong together, and who says so; empty for levels that were given as they are, for a part of a
    cluster, which is doubted, and for trajectories, whose model says it."""
    if isinstance(spectra, Trajectories):
        return ""
    by, taken = _grouped_by(spectra), "grouping" in spectra.provenance
    if parted_in(spectra.provenance) or not (taken or spectra.levels > 2 or by == "stated"):
        return ""
    places = places_of(spectra.provenance, spectra.levels)
    # taken as a cluster, they are one, whatever the gaps of these alone would say
    clusters = [range(spectra.levels)] if taken else spectra.clusters
    told = describe_clusters([[places[k] for k in cluster] for cluster in clusters])
    guess = "; a guess, clusters= or targets= state what is known" if by == "gaps" else ""
    return f"{told}, grouped {GROUPED[by]}{guess}"


def describe_given(data: Mapping[str, Any]) -> list[str]:
    """What :func:`record_given` has recorded, for a person."""
    setting = [f"{name} {data[name]:g}" for name in ("learning_rate", "batch_size") if data[name] is not None]
    size = f"{data['runs']} {'levels, pairing unknown' if data.get('pooled') else 'runs'}"
    lines = [f"data: {', '.join([data['name'] or 'unnamed', *_source(data['provenance']), size, *setting])}"]
    trajectories = data["provenance"].get("trajectories")
    if isinstance(trajectories, Mapping) and "described" in trajectories:
        lines.append(f"trajectories: {trajectories['described']}")
    if left_out := data["provenance"].get("left_out"):
        lines.append(
            f"left out: snapshots of steps {', '.join(f'{step:g}' for step in left_out[:MOST])}, where runs begin"
        )
    levels = data.get("levels", [])
    if levels and not data.get("pooled"):
        shown = [f"{one['level']} at {plus_minus(one['mean'], one['sd'])}" for one in levels[:MOST]]
        more = [f"… {len(levels)} in all"] if len(levels) > MOST else []
        over = "all snapshots" if trajectories else "runs"
        lines.append(f"levels, 0 the topmost, mean ± sd over {over}: {', '.join([*shown, *more])}")
    if data.get("grouping"):
        lines.append(f"grouping: {data['grouping']}")
    stationarity = data["provenance"].get("stationarity")
    if _powerless(stationarity):
        lines.append(f"training: {stationarity['verdict']}")
    return [*lines, *(f"doubtful: {doubt}" for doubt in doubts_about(data))]


def given_for_json(data: Mapping[str, Any]) -> dict[str, Any]:
    """What :func:`record_given` has recorded, for programs: as much as a person is told."""
    names = ("name", "runs", "learning_rate", "batch_size", "fingerprint", "levels", "grouping")
    return {name: data.get(name) for name in names} | {
        "source": _source(data["provenance"]),
        "doubtful": doubts_about(data),
    }


def doubts_about(data: Mapping[str, Any]) -> list[str]:
    """What makes these data doubtful: two levels that are no pair, or training that still drifts."""
    found = [data["doubt"]] if data.get("doubt") else []
    stationarity = data["provenance"].get("stationarity")
    unsure = isinstance(stationarity, Mapping) and stationarity.get("answer") in (Answer.NO, Answer.CANNOT_TELL)
    if unsure and not _powerless(stationarity):
        found.append(str(stationarity.get("verdict")))
    return found


def _powerless(stationarity: object) -> bool:
    """Whether nothing has been seen, by too few runs to see it: no sign of drift, and none of rest."""
    return (
        isinstance(stationarity, Mapping)
        and stationarity.get("answer") == Answer.CANNOT_TELL
        and "excluded" in stationarity
    )


def _source(provenance: Mapping[str, Any]) -> list[str]:
    """Which file, array or layer, and snapshot."""
    files, count = provenance.get("files"), provenance.get("count")
    named = provenance.get("file") or provenance.get("recording")
    found = [f"{count} files, {files[0]} to {files[-1]}"] if files and count else [str(named)] if named else []
    array = provenance.get("array") or provenance.get("layer")
    if named and array:
        found.append(f"array {array}")
    if found and provenance.get("snapshot") is not None:
        step = provenance.get("step")
        found.append(f"snapshot {provenance['snapshot']}" + (f" (step {step:g})" if step is not None else ""))
    return found
