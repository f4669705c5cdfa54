"""Log posteriors as functions of unbounded coordinates, of observations as they are or compressed.

A compression is as fine as its error in ln L demands: differences of ln L between points that the posterior makes
likely are compared with those of the next finer grid, or of the observations themselves where they are few.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Float

from coulombfit.models import Likelihood, Model, Standardisation
from coulombfit.models.site_priors import coordinate_names, sites_at
from coulombfit.numerics.compression import LEVELS, Weighted, uncompressed
from coulombfit.samplers.newton import LogDensity, Peak, peak_of

__all__ = ["Represented", "log_likelihood", "log_posterior", "represent"]

TOLERANCE = 0.01
"""Error in ln L that a compression may have over the posterior."""
FEW, CHEAP = 2_000, 24
"""Levels which are compared with their compression themselves, and how many a node: more would cost as much as
sampling, and the next finer grid takes their place."""
PROBES = 24
"""Points, two standard deviations about the mode in random directions, at which representations are compared."""
UNSEEN = 25.0
"""Probes this far below the mode in ln L do not count: in flat directions they lie where no draw ever comes."""
MARGIN = 0.7
"""Share of the tolerance that the error at these probes may take: elsewhere over the posterior it may be greater."""


@dataclass(frozen=True)
class Represented:
    """Data of a posterior: ``weighted``, the peak found with it, and the ``error`` in ln L, 0 of what is exact."""

    weighted: Weighted
    peak: Peak
    error: float


@lru_cache(maxsize=64)
def log_posterior(model: Model, likelihood: Likelihood) -> tuple[LogDensity, tuple[str, ...]]:
    """Log prior plus log likelihood in unconstrained coordinates, and the site each coordinate belongs to.

    Kept by model and likelihood, as compiled programs are kept by the function returned.
    """
    priors = model.site_priors(likelihood)

    def density(point: Array, data: Weighted, unit: Standardisation) -> Array:
        sites, log_prior = sites_at(priors, point, unit)
        law = likelihood.term_law(model, sites, unit)
        return log_prior + data.offset + data.weights @ law.log_prob(data.nodes)

    return density, coordinate_names(priors)


def represent(
    model: Model,
    likelihood: Likelihood,
    observations: Float[np.ndarray, "run ..."],
    unit: Standardisation,
    *,
    compress: bool = True,
) -> Represented:
    """Observations as few nodes as serve their posterior, and its mode. In double precision.

    Grids are tried from the coarsest on, and the first within tolerance wins: judged against the observations
    themselves where these are few, and else against the next finer grid. Where none will do, as where one width is a
    thousand times the other, the observations stand for themselves.
    """
    density, names = log_posterior(model.sampled, likelihood)
    start, _ = model.start(likelihood)
    terms = np.asarray(model.terms(likelihood, observations, unit))
    compression = model.compressions.get(likelihood.name) if compress else None

    def climbed(weighted: Weighted) -> Peak:
        return peak_of(density, start, weighted, unit)

    def themselves() -> Represented:
        whole = uncompressed(terms)
        return Represented(whole, climbed(whole), 0.0)

    coarse = compression.compress(terms) if compression is not None else None
    if compression is None or coarse is None:
        return themselves()
    few = observations.size <= max(FEW, CHEAP * coarse.size)
    whole = uncompressed(terms) if few else None
    if whole is not None and whole.size <= coarse.size:
        return themselves()
    if compression.exact:
        return Represented(coarse, climbed(coarse), 0.0)
    for level in range(1, LEVELS):
        judge = whole or compression.compress(terms, level)
        if coarse is None or judge is None:
            break  # it cannot be compressed at this level
        peak = climbed(coarse)
        error = _error(log_likelihood(model.sampled, likelihood), names, peak, coarse, judge, unit)
        if error <= MARGIN * TOLERANCE:
            return Represented(coarse, peak, error)
        coarse = compression.compress(terms, level) if whole is not None else judge
        if whole is not None and coarse is not None and coarse.size >= whole.size:
            break
    return themselves()


def _error(
    several: Callable[..., Array], names: tuple[str, ...], peak: Peak, coarse: Weighted, fine: Weighted, unit: object
) -> float:
    """Largest difference of two representations in ln L between the mode and points about it that may be drawn."""
    directions = np.random.default_rng(0).standard_normal((PROBES, len(names)))
    points = peak.centre + np.concatenate([np.zeros((1, len(names))), 2.0 * directions @ np.asarray(peak.root).T])
    one, other = (np.asarray(several(points, weighted, unit)) for weighted in (coarse, fine))
    difference = np.abs(one - other - (one - other)[0])
    return float(difference[other > other[0] - UNSEEN].max())


@lru_cache(maxsize=64)
def log_likelihood(model: Model, likelihood: Likelihood) -> Callable[..., Array]:
    """Compiled ln L of many points."""
    priors = model.site_priors(likelihood)

    def one(point: Array, data: Weighted, unit: Standardisation) -> Array:
        law = likelihood.term_law(model, sites_at(priors, point, unit)[0], unit)
        return data.offset + data.weights @ law.log_prob(data.nodes)

    return jax.jit(lambda points, data, unit: lax.map(lambda point: one(point, data, unit), jnp.asarray(points)))
