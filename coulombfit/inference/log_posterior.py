"""Posteriors as densities without bounds, of observations as they are or compressed.

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

from coulombfit.inference.compression import EXACT, LEVELS, Weighted, compressed, plain
from coulombfit.models import Model, Standardisation
from coulombfit.models.coordinates import coordinate_names, sites_at
from coulombfit.samplers.newton import LogDensity, Peak, peak_of

__all__ = ["ASYMMETRY", "Represented", "log_likelihood", "log_posterior", "represent", "start_of"]

ASYMMETRY = "q"
"""The site under whose change of sign every law is even."""
TOLERANCE = 0.01
"""Error in ln L that a compression may have over the posterior."""
FEW, CHEAP = 2_000, 24
"""Levels which are compared with their compression themselves, and how many a node: more would cost as much as
sampling, and the next finer grid takes their place."""
PROBES = 24
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
def log_posterior(model: Model, likelihood: str) -> tuple[LogDensity, tuple[str, ...]]:
    """Log prior plus log likelihood in unconstrained coordinates, and the site each coordinate belongs to."""
    priors = model.sites(likelihood)

    def density(point: Array, data: Weighted, unit: Standardisation) -> Array:
        sites, log_prior = sites_at(priors, point)
        law = model.term_law(likelihood, sites, unit)
        return log_prior + data.offset + data.weights @ law.log_prob(data.nodes)

    return density, coordinate_names(priors)


def start_of(names: tuple[str, ...]) -> tuple[Float[np.ndarray, " coordinate"], int | None]:
    """Where to begin a search, and the coordinate in which the density is even."""
    mirrored = names.index(ASYMMETRY) if ASYMMETRY in names else None
    # off the mirror, on which every gradient vanishes
    return np.array([0.5 if name == ASYMMETRY else 0.0 for name in names]), mirrored


def represent(
    model: Model,
    likelihood: str,
    observations: Float[np.ndarray, "run ..."],
    unit: Standardisation,
    *,
    compress: bool = True,
) -> Represented:
    """Observations as few nodes as serve their posterior, and its mode. In double precision."""
    density, names = log_posterior(model, likelihood)
    start, _ = start_of(names)

    def climbed(weighted: Weighted) -> Peak:
        return peak_of(density, start, weighted, unit)

    kind = model.compression(likelihood) if compress else "none"
    coarse = compressed(model, likelihood, observations, unit) if kind != "none" else None
    itself = None
    if coarse is None or observations.size <= max(FEW, CHEAP * coarse.size):
        itself = plain(model, likelihood, observations, unit)
        if coarse is None or itself.size <= coarse.size:
            return Represented(itself, climbed(itself), 0.0)
    if kind in EXACT:
        return Represented(coarse, climbed(coarse), 0.0)
    for level in range(1, LEVELS):
        fine = itself or compressed(model, likelihood, observations, unit, level)
        if fine is None:
            break  # it cannot be compressed at this level
        peak = climbed(coarse)
        error = _error(log_likelihood(model, likelihood), names, peak, coarse, fine, unit)
        if error <= MARGIN * TOLERANCE:
            return Represented(coarse, peak, error)
        if itself is not None:
            finer = compressed(model, likelihood, observations, unit, level)
            if finer is None or finer.size >= itself.size:
                return Represented(itself, climbed(itself), 0.0)
            fine = finer
        coarse = fine
    # no grid will do, as where a width is a thousand times smaller than the other
    itself = plain(model, likelihood, observations, unit)
    return Represented(itself, climbed(itself), 0.0)


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
def log_likelihood(model: Model, likelihood: str) -> Callable[..., Array]:
    """Compiled ln L of many points."""
    priors = model.sites(likelihood)

    def one(point: Array, data: Weighted, unit: Standardisation) -> Array:
        law = model.term_law(likelihood, sites_at(priors, point)[0], unit)
        return data.offset + data.weights @ law.log_prob(data.nodes)

    return jax.jit(lambda points, data, unit: lax.map(lambda point: one(point, data, unit), jnp.asarray(points)))
