"""Whether Dyson's process describes a trajectory: its steps, placed within their law, are uniform and independent.

Of every level, and of the sum and the spacing of every pair, the probability integral transforms of the steps are
judged by Kolmogorov's distance from uniform; their normal scores by the correlation of each with the next, and by the
change of their mean and of their variance from the early to the late half. An exponential memory, GOE noise and a
stationary process leave nothing in any of them; a centre or a width that moves leaves a change between the halves, a
wrong memory or repulsion leaves the halves alike.

A statistic of the data at a draw of the posterior is distributed, over data and draws, as at the true parameters
(Johnson, Annals of Statistics 32, 2361, 2004), so that its p-value is calibrated although the data have been fitted.
Over several draws, twice the median of the p-values is one, too, and no smaller than stated.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from jaxtyping import Float
from scipy import special, stats

from coulombfit.answers.answer import Answer
from coulombfit.inference.description import ALARM, Description

__all__ = ["describe_steps"]

DRAWS = 9
"""Draws of the posterior at which p-values are taken."""
MOST, WINDOW = 6000, 1500
"""Most steps of each level that are looked at, and how many in a row of a run that is longer."""
ENOUGH = 200
"""Steps from which "yes" may be said: β = 2 is told from β = 1, and one memory from half of it, in nine of ten."""
ENOUGH_MEMORIES = 10.0
"""Memory times of the slowest cluster, of all runs together, from which "yes" may be said."""
MOVING = ("mean", "variance")

Scores = Callable[[dict[str, Any], Float[np.ndarray, "run snapshot level"], int], dict[str, np.ndarray]]


def describe_steps(
    scores: Scores, draws: Mapping[str, np.ndarray], observations: Float[np.ndarray, "run snapshot level"]
) -> Description:
    """Judge the steps at draws of the posterior.

    No where a p-value times the number of quantities is below 0.3 %; "cannot tell" of fewer than 200 steps or 10 memory
    times without such a one.

    :param scores: :meth:`coulombfit.models.Model.scores`.
    :param draws: of all parameters, shape (chain, draw, …).
    """
    flat = {name: values.reshape(-1, *values.shape[2:]) for name, values in draws.items()}
    count = len(next(iter(flat.values())))
    found: dict[str, list[float]] = {}
    for k in np.linspace(0, count - 1, min(DRAWS, count)).astype(int):
        at = {name: values[k] for name, values in flat.items()}
        for name, p in _p_values(_windows(scores, at, observations)).items():
            found.setdefault(name, []).append(p)
    p_values = {name: min(1.0, 2.0 * float(np.median(p))) for name, p in found.items()}
    adjusted = {name: min(1.0, len(p_values) * p) for name, p in p_values.items()}
    steps = observations.shape[0] * (observations.shape[1] - 1)
    slowest = float(np.mean(flat["memory"].max(axis=1)))
    memories = -steps * np.log(min(slowest, 1.0 - 1e-12))
    bad = [name for name, p in adjusted.items() if p < ALARM]
    if bad:
        moves = all(name.startswith(MOVING) for name in bad)
        why = (
            "centres or widths move: training is not stationary"
            if moves
            else "their law is another one, or runs begin too far from where they settle: "
            "data.after(step) leaves that out"
        )
        return Description(Answer.NO, adjusted, steps, counted="steps", remark=why)
    if steps < ENOUGH or memories < ENOUGH_MEMORIES:
        few = f"{steps} steps, {memories:.2g} memory times of the slowest levels,"
        return Description(Answer.CANNOT_TELL, adjusted, steps, counted="steps", remark=few)
    return Description(Answer.YES, adjusted, steps, counted="steps")


def _windows(
    scores: Scores, parameters: dict[str, Any], x: Float[np.ndarray, "run snapshot level"]
) -> dict[str, list[Float[np.ndarray, "run step"]]]:
    """Scores of whole runs, or of evenly spaced parts of runs that are long, early ones first."""
    runs, snapshots = x.shape[:2]
    length = min(snapshots, WINDOW if snapshots > MOST else snapshots)
    parts = MOST // WINDOW if snapshots > MOST else 1
    rows = np.linspace(0, runs - 1, min(runs, max(1, MOST // (parts * length)))).astype(int)
    found: dict[str, list[np.ndarray]] = {}
    for first in np.linspace(0, snapshots - length, parts).astype(int):
        for name, values in scores(parameters, x[rows, first : first + length], int(first)).items():
            found.setdefault(name, []).append(values)
    return found


def _p_values(windows: dict[str, list[Float[np.ndarray, "run step"]]]) -> dict[str, float]:
    """p-values of everything that is looked at, by name."""
    found = {}
    for name, several in windows.items():
        uniform = np.concatenate([one.ravel() for one in several])
        normal = [special.ndtri(one) for one in several]
        found[f"distribution of steps of {name}"] = float(stats.kstest(uniform, "uniform").pvalue)
        products = np.concatenate([(one[:, 1:] * one[:, :-1]).ravel() for one in normal])
        found[f"memory of {name}"] = _two_sided(products.sum() / np.sqrt(products.size))
        halves = _halves(normal)
        for what, power in (("mean", 1), ("variance", 2)):
            early, late = (half**power for half in halves)
            z = (late.mean() - early.mean()) / np.sqrt(power * (1.0 / early.size + 1.0 / late.size))
            found[f"{what} of {name}, early and late"] = _two_sided(z)
    return found


def _halves(normal: list[Float[np.ndarray, "run step"]]) -> tuple[np.ndarray, np.ndarray]:
    if len(normal) > 1:
        half = len(normal) // 2
        return np.concatenate(normal[:half], axis=None), np.concatenate(normal[-half:], axis=None)
    half = normal[0].shape[1] // 2
    return normal[0][:, :half].ravel(), normal[0][:, -half:].ravel()


def _two_sided(z: float) -> float:
    return float(2.0 * stats.norm.sf(abs(z)))
