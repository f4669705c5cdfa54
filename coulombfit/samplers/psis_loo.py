"""Pareto-smoothed leave-one-out cross-validation of all runs at once (Vehtari et al., arXiv:1507.02646 and 1507.04544).

ArviZ smooths the weights of one run after the other, which takes longer than all fits together; these are the same
formulas over a run axis. ``tests/checks/test_comparison.py`` compares the two.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from scipy.special import logsumexp

from coulombfit.runtime.parallel import Call, side_by_side

__all__ = ["leave_one_out"]

PRIOR_SCALE, PRIOR_SHAPE, PRIOR_DRAWS = 3.0, 0.5, 10.0
"""Generalised Pareto fit: scale of the grid of Zhang and Stephens (2009); prior shape ½, with the weight of 10 draws
(Vehtari et al., arXiv:1507.02646, appendix)."""
FEWEST, MANY = 5, 225
"""Least number of draws in the tail; effective draws above which the tail has 3√S of S draws instead of S/5, which are
equal at S = 225 (arXiv:1507.02646)."""
SMALLEST = -700.0
"""Log weights below this count as zero: exp(−700) = 1e-304 is near the least positive double."""
TOGETHER = 2**19
"""Numbers (runs times draws) worked on at a time, to bound the memory."""


def leave_one_out(
    log_likelihood: Float[np.ndarray, "run draw"], efficiency: float
) -> tuple[Float[np.ndarray, " run"], Float[np.ndarray, " run"], Float[np.ndarray, " run"]]:
    """Ln p(x_i | all other runs), Pareto k̂ of its weights, and ln ∫ p(x_i | θ) with the run counted, for every run.

    :param log_likelihood: ln p(x_i | θ) of every run at every draw.
    :param efficiency: effective over actual draws, at most 1, which sets how many draws make the tail.
    """
    runs, draws = log_likelihood.shape
    tail = int(3.0 * np.sqrt(draws / efficiency)) if draws * efficiency > MANY else draws // 5
    if tail < FEWEST:
        raise ValueError(f"log_likelihood: expected at least {5 * FEWEST} draws, got {draws}")
    step = max(1, TOGETHER // draws)
    parts = side_by_side(Call(_leave_out, (log_likelihood[k : k + step], tail)) for k in range(0, runs, step))
    elpd, k_hat = (np.concatenate(each) for each in zip(*parts, strict=True))
    return elpd, k_hat, logsumexp(log_likelihood, axis=1) - np.log(draws)


def _leave_out(log_likelihood: Float[np.ndarray, "run draw"], tail: int) -> tuple[np.ndarray, np.ndarray]:
    least = log_likelihood.min(axis=1, keepdims=True)
    log_weights = least - log_likelihood
    log_weights.partition(-tail - 1, axis=1)
    largest = np.sort(log_weights[:, -tail - 1 :], axis=1)
    # a tail of weights that are nought, beside one that is not, is no tail
    largest = np.maximum(largest, SMALLEST)
    cutoff = np.exp(largest[:, :1])
    k_hat, sigma = _pareto(np.exp(largest[:, 1:]) - cutoff)
    quantiles = np.log1p(-(np.arange(tail) + 0.5) / tail)
    with np.errstate(divide="ignore", invalid="ignore"):
        smoothed = np.log(cutoff + sigma[:, None] * np.expm1(-k_hat[:, None] * quantiles) / k_hat[:, None])
    usable = np.isfinite(k_hat) & np.isfinite(smoothed).all(axis=1)
    # no weight above the greatest that was drawn, whose logarithm is 0
    replaced = np.where(usable[:, None], np.minimum(smoothed, 0.0), largest[:, 1:])
    # w p is the same of every draw that keeps its weight, 1/p
    kept = np.concatenate([log_weights[:, : -tail - 1], largest[:, :1]], axis=1)
    in_all = np.exp(kept).sum(axis=1) + np.exp(replaced).sum(axis=1)
    density = kept.shape[1] + np.exp(replaced - largest[:, 1:]).sum(axis=1)
    return least[:, 0] + np.log(density) - np.log(in_all), k_hat


def _pareto(excess: Float[np.ndarray, "run tail"]) -> tuple[Float[np.ndarray, " run"], Float[np.ndarray, " run"]]:
    """Shape and scale of a generalised Pareto law of ascending excesses, by the posterior mean over a grid."""
    count = excess.shape[1]
    grid = 30 + int(np.sqrt(count))
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        b = 1.0 - np.sqrt(grid / (np.arange(1, grid + 1) - 0.5))
        b = b / (PRIOR_SCALE * excess[:, [int(count / 4 + 0.5) - 1]]) + 1.0 / excess[:, -1:]
        k = np.stack([np.log1p(-b[:, [j]] * excess).mean(axis=1) for j in range(grid)], axis=1)
        profile = count * (np.log(-b / k) - k - 1.0)
        weights = np.exp(profile - logsumexp(profile, axis=1, keepdims=True))
        weights = np.where(weights >= 10 * np.finfo(float).eps, weights, 0.0)
        b = (weights * b).sum(axis=1) / weights.sum(axis=1)
        shape = np.log1p(-b[:, None] * excess).mean(axis=1)
        return (count * shape + PRIOR_DRAWS * PRIOR_SHAPE) / (count + PRIOR_DRAWS), -shape / b
