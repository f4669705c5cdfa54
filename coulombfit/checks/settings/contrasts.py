"""Sums of the means of settings: weights of a curve in α/|B|, covariances, intervals, and Hotelling's test.

The covariance of means over n runs is estimated from the runs, on n − 1 degrees of freedom in every setting; sums of
such have those of Nel and van der Merwe (1986), or for single numbers of Welch and Satterthwaite.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from scipy import stats

from coulombfit.answers.answer import Answer
from coulombfit.checks.settings.repulsion import Repulsion
from coulombfit.checks.settings.statistics import Settings
from coulombfit.numerics.intervals import INTERVAL

__all__ = ["covariance_of", "curve_weights", "half_interval", "hotelling"]

REJECTED = 0.01
"""p-value below which a prediction is rejected."""


def curve_weights(settings: Settings, order: int) -> tuple[Float[np.ndarray, "order setting"], np.ndarray]:
    """Weights of the settings' means in each coefficient of the fitted curve, and in its residuals."""
    g = settings.strength
    middle = np.exp(np.log(g).mean())
    powers = (g[:, None] / middle) ** np.arange(order)
    weight = 1.0 / np.trace(settings.covariance, axis1=1, axis2=2)
    root = np.sqrt(weight / weight.max())
    left, values, right = np.linalg.svd(root[:, None] * powers)
    found = right.T @ (left[:, :order].T * root / values[:, None])
    return found * middle ** -np.arange(order)[:, None], left[:, order:].T * root


def _parts(weights: Float[np.ndarray, "row setting"], settings: Settings) -> Float[np.ndarray, "setting n n"]:
    """What every setting adds to the covariance of sums of the means; n runs over rows and levels."""
    return np.stack([np.kron(np.outer(a, a), c) for a, c in zip(weights.T, settings.covariance, strict=True)])


def covariance_of(
    weights: Float[np.ndarray, "row setting"], settings: Settings, predicted: Repulsion | None = None
) -> tuple[np.ndarray, float]:
    """Covariance of sums of the means, less what widths predict, and its degrees of freedom (Nel and van der Merwe)."""
    parts, freedoms = _parts(weights, settings), settings.runs - 1
    if predicted is not None:
        parts = np.concatenate([parts, predicted.covariance[None]])
        freedoms = np.append(freedoms, predicted.freedom)
    total = parts.sum(axis=0)
    # relative to the total, so that units of levels do not matter
    inverse = np.linalg.inv(np.linalg.cholesky(total))
    shares = inverse @ parts @ inverse.T
    spread = np.einsum("skl,slk->s", shares, shares) + np.trace(shares, axis1=1, axis2=2) ** 2
    size = len(total)
    return total, float((size + size**2) / np.sum(spread / freedoms))


def half_interval(weights: Float[np.ndarray, "1 setting"], settings: Settings) -> tuple[np.ndarray, np.ndarray]:
    """Standard errors of a coefficient, and half the widths of its intervals (Welch and Satterthwaite)."""
    variances = np.diagonal(_parts(weights, settings), axis1=1, axis2=2)
    total = variances.sum(axis=0)
    freedom = total**2 / (variances**2 / (settings.runs[:, None] - 1)).sum(axis=0)
    sd = np.sqrt(total)
    return sd, stats.t.ppf(0.5 + INTERVAL / 2, freedom) * sd


def hotelling(
    weights: Float[np.ndarray, "row setting"],
    difference: Float[np.ndarray, " n"],
    settings: Settings,
    inside: bool,
    predicted: Repulsion | None = None,
) -> dict[str, object]:
    """Hotelling's test that ``difference`` is zero; ``inside``: intervals end within the margin."""
    size = difference.size
    if not size:
        return {"chi2": 0.0, "freedom": 0, "runs_freedom": np.nan, "p_value": np.nan, "answer": Answer.NOT_RUN}
    covariance, freedom = covariance_of(weights, settings, predicted)
    t2 = float(difference @ np.linalg.solve(covariance, difference))
    rest = freedom - size + 1
    p = float(stats.f.sf(t2 * rest / (freedom * size), size, rest)) if rest > 1 else np.nan
    answer = Answer.NO if p < REJECTED else Answer.YES if inside and np.isfinite(p) else Answer.CANNOT_TELL
    return {"chi2": t2, "freedom": size, "runs_freedom": freedom, "p_value": p, "answer": answer}
