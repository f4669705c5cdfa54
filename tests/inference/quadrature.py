"""Posterior means and standard deviations of a pair by brute force: sums over a grid, no mode, proposal or compression.

In coordinates without bounds a posterior is smooth and falls off at every end, so that equally spaced sums converge
faster than any power of the step. A coarse grid finds where the density is, a fine one sums it up there.
"""

from functools import lru_cache
from typing import Any

import jax
import numpy as np

from coulombfit.inference.log_posterior import log_posterior
from coulombfit.models import Model
from coulombfit.models.site_priors import sites_at
from coulombfit.numerics.compression import Weighted

# centre and ln σ of standardised data of ten runs or more; logit of (1 + q)/2, in which the density is even
WIDEST = {"centre": (-2.5, 2.5), "sigma": (-2.0, 1.5), "sigma_m": (-2.0, 1.5), "q": (0.0, 16.0)}
COARSE = {"centre": 31, "sigma": 26, "sigma_m": 26, "q": 20}
FINE = 28
NEGLIGIBLE = 16.0
"""What ln p may be below its maximum and still count."""
PORTION = 2**13


@lru_cache(maxsize=16)
def _compiled(model: Model, likelihood: str) -> tuple[Any, Any]:
    likelihood = model.likelihood(likelihood)
    density, _ = log_posterior(model, likelihood)
    priors = model.site_priors(likelihood)

    @jax.jit
    def log_densities(points: Any, *data: Any) -> Any:
        return jax.vmap(lambda point: density(point, *data))(points)

    @jax.jit
    def parameters(points: Any, unit: Any) -> Any:
        return jax.vmap(lambda point: model.parameters(sites_at(priors, point, unit)[0], unit))(points)

    return log_densities, parameters


def posterior_moments(
    model: Model, likelihood: str, observations: np.ndarray, *, fine: int = FINE
) -> dict[str, tuple[float, float]]:
    """Mean and standard deviation of every parameter, in units of the data. In double precision."""
    unit = model.unit(observations, likelihood)
    terms = np.asarray(model.likelihood(likelihood).terms(observations, unit))
    data = Weighted(terms, np.ones(len(terms)), np.float64(0.0))
    log_densities, parameters = _compiled(model, likelihood)
    names = tuple(model.sites(model.likelihood(likelihood)))

    axes = [_middles(*WIDEST[name], COARSE[name]) for name in names]
    points = _tensor(axes)
    values = _in_portions(log_densities, points, data, unit)
    found = points[values > values.max() - NEGLIGIBLE]
    steps = np.array([axis[1] - axis[0] for axis in axes])
    lowest, highest = found.min(axis=0) - steps, found.max(axis=0) + steps
    if "q" in names:
        lowest[names.index("q")] = 0.0  # half of an even density

    points = _tensor([_middles(low, high, fine) for low, high in zip(lowest, highest, strict=True)])
    values = _in_portions(log_densities, points, data, unit)
    kept = values > values.max() - NEGLIGIBLE - 4.0
    weights = np.exp(values[kept] - values.max())
    weights /= weights.sum()
    moments = {}
    for name, at in parameters(points[kept], unit).items():
        mean = float(weights @ np.asarray(at))
        moments[name] = mean, float(np.sqrt(weights @ (np.asarray(at) - mean) ** 2))
    return moments


def _middles(low: float, high: float, count: int) -> np.ndarray:
    return low + (high - low) * (np.arange(count) + 0.5) / count


def _tensor(axes: list[np.ndarray]) -> np.ndarray:
    return np.stack([one.ravel() for one in np.meshgrid(*axes, indexing="ij")], axis=-1)


def _in_portions(function: Any, points: np.ndarray, *data: Any) -> np.ndarray:
    """Of one shape, which is compiled once: the last is filled up with points that it has."""
    count = -(-len(points) // PORTION)
    filled = np.concatenate([points, np.repeat(points[-1:], count * PORTION - len(points), axis=0)])
    found = [np.asarray(function(part, *data)) for part in np.split(filled, count)]
    return np.concatenate(found)[: len(points)]
