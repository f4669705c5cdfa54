"""Laws of a fit at posterior draws, from which bands are made, and the bins of data beside them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
from jaxtyping import Array, Float

from coulombfit.inference.fit_result import Fit
from coulombfit.models import Parameters
from coulombfit.numerics.intervals import INTERVAL
from coulombfit.runtime.precision import double_precision

__all__ = ["QUANTILES", "bin_edges", "density_at", "law_at_draws", "share_below"]

BAND_DRAWS = 200
"""Posterior draws that a band is made of."""
QUANTILES = ((1 - INTERVAL) / 2, 0.5, (1 + INTERVAL) / 2)
"""Lower end of a band, median, upper end."""


def bin_edges(values: Float[np.ndarray, " n"]) -> Float[np.ndarray, " edge"]:
    """Edges of bins of a histogram."""
    # by the interquartile range, so that a narrow peak between wide tails is resolved
    bins = int(np.clip(len(np.histogram_bin_edges(values, "fd")) - 1, 8, 120))
    return np.histogram_bin_edges(values, bins)


def density_at(law: dist.Distribution, points: Array) -> Array:
    """The density of a law."""
    return jnp.exp(law.log_prob(points))


def share_below(law: dist.Distribution, points: Array) -> Array:
    """The share of a law below points."""
    return law.cdf(points)


@double_precision()
def law_at_draws(
    fit: Fit, law: Callable[[Parameters], dist.Distribution], across: np.ndarray, of: Callable[..., Array]
) -> np.ndarray:
    """What ``of`` says of the law at every point for evenly spaced posterior draws, shape (draw, point)."""
    posterior = {name: values.reshape(-1, *values.shape[2:]) for name, values in fit.parameters.items()}
    step = max(1, len(next(iter(posterior.values()))) // BAND_DRAWS)
    draws = {name: jnp.asarray(values[::step]) for name, values in posterior.items()}
    return np.asarray(_evaluate_at_draws(law, of, draws, jnp.asarray(across)))


@partial(jax.jit, static_argnums=(0, 1))
def _evaluate_at_draws(
    law: Callable[..., dist.Distribution], of: Callable[..., Array], draws: Parameters, points: Array
) -> Array:
    return jax.vmap(lambda drawn: of(law(drawn), points))(draws)
