"""The ensemble of one snapshot of trajectories, and what all of them say of it."""

from __future__ import annotations

import warnings
from dataclasses import replace
from typing import Any

from coulombfit.answers.answer import Answer
from coulombfit.data.chosen_levels import places_of
from coulombfit.data.drift import compared_with, judge_drift
from coulombfit.data.own_places import find_own_places
from coulombfit.data.spectra import Spectra
from coulombfit.runtime.errors import DataError

__all__ = ["judge_places", "spectra_at"]


def spectra_at(data: Any, snapshot: int, **setting: Any) -> Spectra:
    """Spectra of one snapshot over runs, judged by the other snapshots: whether training still drifts, and whether
    runs keep places of their own.

    :param data: :class:`coulombfit.Trajectories`.
    :param snapshot: counted from 0, or from the end where negative.
    :param setting: clusters, levels, name and so on as :class:`Spectra` takes them.
    :raises DataError: for a snapshot that is not there, or as :class:`Spectra`.
    :warns UserWarning: where the ensemble is not the stationary one of training about one minimum.
    """
    x, steps = data.eigenvalues, data.steps.tolist()
    if not -len(steps) <= snapshot < len(steps):
        raise DataError(f"snapshot: expected from {-len(steps)} to {len(steps) - 1}, got {snapshot}")
    chosen = snapshot % len(steps)
    known = {
        "learning_rate": data.learning_rate,
        "batch_size": data.batch_size,
        "name": data.name,
        "provenance": {"snapshot": chosen, "step": steps[chosen]}
        | {name: data.provenance[name] for name in ("momentum",) if name in data.provenance},
    }
    spectra = Spectra(x[:, chosen], **(known | setting))
    places = places_of(spectra.provenance, spectra.levels)
    groups = spectra.clusters if spectra.grouped_by == "stated" else None
    others = compared_with(chosen, len(steps), steps)
    told = f"{spectra.name}: " if spectra.name else ""
    record = judge_drift(
        spectra.eigenvalues,
        x[:, others][:, :, places],
        steps[chosen],
        [steps[k] for k in others],
        what=told,
        groups=groups,
        places=places,
    )
    apart = find_own_places(x[:, : chosen + 1][:, :, places], steps[: chosen + 1], groups)
    record = judge_places(record, apart, told)
    return replace(spectra, provenance={**spectra.provenance, "stationarity": record})


def judge_places(record: dict[str, Any], apart: str, told: str) -> dict[str, Any]:
    """The record of drift, or a no where runs do not drift and keep places of their own.

    :param apart: what :func:`coulombfit.data.own_places.find_own_places` says.
    :param told: the data, for the warning.
    :warns UserWarning: where they do.
    """
    if not apart or record["answer"] == Answer.NO:
        return record
    warnings.warn(f"snapshot: {told}{apart}", UserWarning, stacklevel=4)
    return record | {"answer": str(Answer.NO), "verdict": f"NOT one ensemble: {apart}."}
