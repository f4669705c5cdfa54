"""Whether an ensemble still drifts: one of its snapshots against another, run by run.

Snapshots of one run are alike, so every quantity is compared run by run: the mean over runs of its difference, in units
of its standard error. Quantities are the mean of each group of unresolved levels, the squared deviation of each level
(its width), and spacings of neighbours in a group. p-values are Student's t, times the number of quantities
(Bonferroni).

What is not found different is stationary only where changes worth seeing are excluded: where 90 % intervals of all
changes together, Bonferroni's too, end within WORTH_SEEING, of widths (squared) and spacings as a share of themselves,
of centres in standard deviations of the level. Where they reach further the data cannot tell.

Unasked, a snapshot that is to be fitted is compared with the one before it and with the beginning of the last quarter,
or with the last one where an earlier one was chosen; on a stationary ensemble that warns once in a thousand. The state
that training began with says nothing about where it arrived.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float
from scipy import stats

from coulombfit.answers.answer import Answer
from coulombfit.answers.numbers import probability
from coulombfit.data.clusters import group_by_gaps
from coulombfit.numerics.intervals import INTERVAL
from coulombfit.runtime.errors import DataError

__all__ = ["FEWEST_RUNS", "WORTH_SEEING", "Change", "change", "compared_with", "judge_drift"]

FEWEST_RUNS = 10
"""Runs below which nothing is judged."""
ALARM = 1e-3
"""p-value, among all quantities, below which an ensemble that is read counts as drifting."""
MOST_STEPS = 10
"""Steps that a verdict lists one by one."""
WORTH_SEEING = 0.5
"""Change that must be excluded for a yes: of a squared width by a half, of a centre by half its sd."""


class Change(NamedTuple):
    """The quantity that differs most, its change in units of its later value (of widths and spacings) or standard
    deviation (of centres), z, and p among all quantities; ``excluded`` is the change of any quantity, in the same
    units, beyond which none is: the furthest end of the 90 % intervals of all of them together.
    """

    quantity: str
    change: float
    z: float
    p: float
    excluded: float


def change(
    early: Float[np.ndarray, "run level"],
    late: Float[np.ndarray, "run level"],
    which: str = "one snapshot to the other",
    groups: Sequence[list[int]] | None = None,
    places: Sequence[int] | None = None,
) -> Change:
    """What differs most between two snapshots of the same runs.

    :param early: descending along level.
    :param which: which two, for the error.
    :param groups: levels that belong together, as a user states it; by gaps if not given.
    :param places: what to call the levels; their numbers if not given.
    :raises DataError: where some quantity changes alike in all runs, as it does between copies.
    """
    names, values, units = _quantities(np.stack([early, late], axis=1), groups, places)
    difference = values[:, 1] - values[:, 0]
    error = difference.std(axis=0, ddof=1) / np.sqrt(len(late))
    if not error.all():
        raise DataError(
            f"eigenvalues: expected snapshots that fluctuate, got {names[int(error.argmin())]} changing alike in "
            f"all runs from {which}; copies, constant levels (levels='nonzero' leaves out zero ones), or noise "
            "repeated from a seed"
        )
    z = difference.mean(axis=0) / error
    worst = int(np.abs(z).argmax())
    p = min(1.0, len(names) * 2.0 * float(stats.t.sf(abs(z[worst]), len(late) - 1)))
    reach = stats.t.isf(0.5 * (1.0 - INTERVAL) / len(names), len(late) - 1) * error
    excluded = float(((np.abs(difference.mean(axis=0)) + reach) / np.abs(units)).max())
    return Change(names[worst], float(difference[:, worst].mean() / units[worst]), float(z[worst]), p, excluded)


def compared_with(chosen: int, snapshots: int, steps: Sequence[float] | None = None) -> list[int]:
    """Snapshots to compare a chosen one with, both counted from 0.

    :param steps: of all snapshots; where they are not known, the first is taken for the state that training began with.
    """
    if chosen < snapshots - 1:
        return [snapshots - 1]
    began = int(steps is None or steps[0] == 0)
    places = {min(round(0.75 * (snapshots - 1)), snapshots - 2), snapshots - 2}
    return sorted(place for place in places if place >= began)


def judge_drift(
    x: Float[np.ndarray, "run level"],
    others: Float[np.ndarray, "run snapshot level"],
    step: float,
    steps: Sequence[float],
    copied: Sequence[float] = (),
    what: str = "",
    groups: Sequence[list[int]] | None = None,
    places: Sequence[int] | None = None,
) -> dict[str, Any]:
    """Whether the snapshot ``x`` differs from others of its runs, as JSON: ``answer``, ``verdict`` and ``steps``.

    :param x: levels to be fitted, descending.
    :param others: those of the same runs at other snapshots, NaN where weights were not finite.
    :param step: training step of ``x``, or its number where steps are not known.
    :param steps: those of the others.
    :param copied: those of all snapshots that are copies of ``x``.
    :param what: the data, for the warning.
    :param groups: levels that belong together, as a user states it; by gaps if not given.
    :param places: what to call the levels; their numbers if not given.
    :warns UserWarning: where it differs, p < 0.001, and where the others are copies of it.
    """
    record: dict[str, Any] = {"steps": [*map(float, steps), float(step)]}
    if (reason := _reason_not_judged(x, others)) is not None:
        return record | _answer(Answer.NOT_RUN, reason)
    copies = [np.array_equal(x, others[:, k]) for k in range(others.shape[1])]
    if all(copies):
        at = sorted({*steps, *copied, step})
        named = ", ".join(f"{each:g}" for each in at) if len(at) < MOST_STEPS else f"{at[0]:g} to {at[-1]:g}"
        verdict = f"The data cannot tell whether training was stationary: snapshots {named} are copies of each other."
        warnings.warn(f"snapshot: {what}{verdict}", UserWarning, stacklevel=4)
        return record | _answer(Answer.CANNOT_TELL, verdict)
    try:
        found = [
            (change(others[:, k], x, groups=groups, places=places), at) for k, at in enumerate(steps) if not copies[k]
        ]
    except DataError as error:
        return record | _answer(Answer.CANNOT_TELL, str(error))
    worst, other = min(found, key=lambda each: (each[0].p, -abs(each[0].z)))
    p = min(1.0, len(found) * worst.p)
    between = f"between steps {min(other, step):g} and {max(other, step):g} (z = {worst.z:.3g}, p {probability(p)})"
    excluded = max(one.excluded for one, _ in found)
    record |= {"quantity": worst.quantity, "z": worst.z, "p_value": p, "excluded": excluded}
    if p < ALARM:
        verdict = f"NOT stationary: {worst.quantity} still changes {between}."
        advice = "widths are those of no stationary ensemble; train longer, or see cf.stationarity for all snapshots"
        warnings.warn(f"snapshot: {what}{verdict[:-1]}; {advice}", UserWarning, stacklevel=4)
        return record | _answer(Answer.NO, verdict)
    largest = f"{worst.quantity} changes most {between}"
    if excluded > WORTH_SEEING:
        verdict = (
            f"The data cannot tell whether training was stationary: changes by {excluded:.2g} of squared widths or of "
            f"sd of centres are not excluded; {largest}."
        )
        return record | _answer(Answer.CANNOT_TELL, verdict)
    verdict = f"Stationary: changes by more than {excluded:.2g} of squared widths or of sd of centres are excluded"
    return record | _answer(Answer.YES, f"{verdict}; {largest}.")


def _reason_not_judged(
    x: Float[np.ndarray, "run level"], others: Float[np.ndarray, "run snapshot level"]
) -> str | None:
    if not others.shape[1]:
        return "no other snapshot but the first, from which training began"
    if len(x) < FEWEST_RUNS:
        return f"fewer than {FEWEST_RUNS} runs to judge stationarity by"
    return None if np.isfinite(others).all() else "other snapshots are not finite, so stationarity is not known"


def _answer(answer: Answer, verdict: str) -> dict[str, str]:
    return {"answer": str(answer), "verdict": verdict}


def _quantities(
    x: Float[np.ndarray, "run snapshot level"],
    groups: Sequence[list[int]] | None = None,
    places: Sequence[int] | None = None,
) -> tuple[list[str], Float[np.ndarray, "run snapshot quantity"], Float[np.ndarray, " quantity"]]:
    """Names, values, and the units of their changes at the last snapshot."""
    names, values, units = [], [], []
    place = range(x.shape[2]) if places is None else places
    for group in group_by_gaps(x[:, -1]) if groups is None else groups:
        called = ", ".join(str(place[k]) for k in group)
        names.append(f"the centre of level{'s' if len(group) > 1 else ''} {called}")
        values.append(x[:, :, group].mean(axis=2))
        units.append(values[-1][:, -1].std())
        for i, j in pairwise(group):
            names.append(f"the spacing of levels {place[i]}, {place[j]}")
            values.append(x[:, :, i] - x[:, :, j])
            units.append(values[-1][:, -1].mean())
    for k in range(x.shape[2]):
        names.append(f"the width of level {place[k]}")
        values.append((x[:, :, k] - x[:, :, k].mean(axis=0)) ** 2)
        units.append(values[-1][:, -1].mean())
    return names, np.stack(values, axis=2), np.array(units)
