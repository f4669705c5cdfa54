r"""Slopes of centres in α/\|B\| by repulsion alone, by Eq. 7 and by a fixed matrix plus noise, and which data follow.

Levels i of clusters with n_i levels, centre c_i and width σ_i are pushed, to second order in σ/(c_i − c_j), by

.. math:: d_i = \sigma_i^2 \sum_j \frac{n_j}{c_i - c_j} \quad\text{(Eq. 7)}, \qquad
    d_i = \sum_j \frac{n_j}{c_i - c_j}\,\frac{\sigma_i^2 + \sigma_j^2}{4} \quad\text{(matrix)}.

The second is perturbation theory of X = C + N with Var N_ij = (σ_i² + σ_j²)/4: half of the first where widths are
equal. As σ² ∝ g = α/\|B\|, slopes are d/g, from σ²/g of all settings.

Which one data follow is asked along the line between the two. With e the other prediction less one's own, slopes less
the own one are w e, with w by generalised least squares and Student's interval by Rao (1959), Biometrika 46, 49, as the
covariance is itself estimated. w = 0 is the own prediction, 1 the other.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy import stats

from coulombfit.answers.answer import Answer
from coulombfit.checks.settings.statistics import Settings
from coulombfit.numerics.intervals import INTERVAL

__all__ = ["ALONE", "NEARER", "SPOKEN", "TOGETHER", "Repulsion", "find_share", "repulsions", "say_which"]

ALONE = ("repulsion alone", "matrix repulsion alone")
TOGETHER = ("repulsion and besides", "matrix repulsion and besides")
"""Names of both predictions, Eq. 7's first, alone and with what is known to displace centres besides."""
SPOKEN = {
    ALONE[0]: "repulsion alone, Eq. 7's",
    ALONE[1]: "repulsion alone, a matrix's",
    TOGETHER[0]: "Eq. 7's repulsion and what is known besides",
    TOGETHER[1]: "a matrix's repulsion and what is known besides",
}
"""What they are called where they are read side by side."""
NEARER = 0.5
"""Shares of the way to the other prediction, within which slopes are nearer to their own."""


@dataclass(frozen=True, eq=False)
class Repulsion:
    """A prediction by measured widths: ``slope`` of every level, and ``covariance``, on ``freedom`` degrees of freedom,
    which it has from theirs."""

    slope: Float[np.ndarray, " level"]
    covariance: Float[np.ndarray, "level level"]
    freedom: float


def repulsions(
    settings: Settings, limit: Float[np.ndarray, " level"], besides: Float[np.ndarray, " level"] | None = None
) -> dict[str, Repulsion]:
    """Both predictions, by name, Eq. 7's first.

    :param limit: centres as α/\\|B\\| → 0.
    :param besides: slopes by what else displaces centres, added to both.
    """
    nu = settings.nu.sum(axis=0)
    variance = (settings.q / settings.strength[:, None]).sum(axis=0) / nu
    apart = limit[:, None] - limit + np.diag(np.full(limit.size, np.inf))
    push = np.asarray(settings.sizes) / apart
    # slopes are linear in σ²/g of all levels
    gas = np.diag(push.sum(axis=1))
    matrix = 0.25 * (gas + push)
    noise, freedom = 2.0 * variance**2 / nu, float(nu.min())
    names, known = (ALONE, 0.0) if besides is None else (TOGETHER, besides)
    return {
        name: Repulsion(a @ variance + known, (a * noise) @ a.T, freedom)
        for name, a in zip(names, (gas, matrix), strict=True)
    }


def find_share(
    difference: Float[np.ndarray, " level"],
    other: Float[np.ndarray, " level"],
    covariance: Float[np.ndarray, "level level"],
    freedom: float,
) -> tuple[float, float]:
    """w, and half the width of its interval; infinite where the runs are too few.

    :param difference: slopes less their own prediction.
    :param other: the other prediction less the own.
    :param covariance: of ``difference``, on ``freedom`` degrees of freedom.
    """
    solved = np.linalg.solve(covariance, np.stack([difference, other], axis=1))
    square, cross, strength = difference @ solved[:, 0], other @ solved[:, 0], other @ solved[:, 1]
    share = float(cross / strength)
    left, rest = max(float(square - cross * share), 0.0), freedom - difference.size + 1
    if rest <= 1:
        return share, np.inf
    sd = np.sqrt((1.0 + left / freedom) * freedom / rest / strength)
    return share, float(stats.t.ppf(0.5 + INTERVAL / 2, rest) * sd)


def say_which(gas: Answer, matrix: Answer) -> str:
    """Which of the two the slopes follow, as a part of a sentence."""
    if matrix is Answer.YES:
        return "they follow the repulsion of a matrix, not of Eq. 7"
    if gas is Answer.YES:
        return "they follow the repulsion of Eq. 7, not of a matrix"
    if gas is matrix is Answer.NO:
        return "they follow neither the repulsion of a matrix nor that of Eq. 7"
    return "the data cannot tell whether they follow the repulsion of a matrix or of Eq. 7"
