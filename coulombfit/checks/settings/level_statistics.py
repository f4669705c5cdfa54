"""What the spectra of one setting say of the width of each cluster of levels, as a likelihood σ^(−ν) exp(−Q/2σ²).

Clusters far apart fluctuate by themselves: Q = Σ(x − x̄)² over runs and levels, ν = n m(m + 1)/2 − 1 for n runs of m
levels of one centre and width (Eq. 7, β = 1), exactly. Clusters within APART widths of each other push each other, by
more the wider they are, which looks like another exponent of the rule. Their widths are those of the model "levels",
and ν and Q give ln σ the mean and the error found there.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from coulombfit.inference.sandwich import climb, covariance_at
from coulombfit.models.levels import Levels
from coulombfit.runtime.precision import double_precision

__all__ = ["APART", "level_statistics"]

APART = 8.0
"""Distance in typical widths from which on repulsion changes a width by less than 1/2·64 of itself: below 1 %."""


def level_statistics(x: Float[np.ndarray, "run level"], clusters: list[list[int]]) -> tuple[np.ndarray, ...]:
    """ν, Q and mean of every cluster, and the covariance of these means.

    :param clusters: neighbouring levels that belong together, from the top.
    """
    runs = len(x)
    parts = [x[:, cluster] for cluster in clusters]
    nu = np.array([runs * part.shape[1] * (part.shape[1] + 1) / 2 - 1 for part in parts])
    q = np.array([np.sum((part - part.mean()) ** 2) for part in parts])
    means = np.stack([part.mean(axis=1) for part in parts], axis=1)
    covariance = np.atleast_2d(np.cov(means, rowvar=False)) / runs
    centre = means.mean(axis=0)
    if (q > 0).all() and _near(centre, np.sqrt(q / nu)):
        nu, q = _by_conditionals(x, tuple(len(cluster) for cluster in clusters))
    return nu, q, centre, covariance


def _near(centre: Float[np.ndarray, " cluster"], width: Float[np.ndarray, " cluster"]) -> bool:
    return bool((-np.diff(centre) < APART * np.sqrt(0.5 * (width[1:] ** 2 + width[:-1] ** 2))).any())


def _by_conditionals(x: Float[np.ndarray, "run level"], sizes: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    model = Levels(sizes)
    likelihood = model.likelihood()
    with double_precision():
        unit = model.unit(x, likelihood)
        climbed = climb(model, likelihood, x, unit)
    # coordinates are centres and ln σ, each in units of its cluster
    log_sigma, variance = climbed.point[len(sizes) :], np.diag(covariance_at(climbed))[len(sizes) :]
    nu = 0.5 / variance
    return nu, nu * (unit.scale * np.exp(log_sigma)) ** 2
