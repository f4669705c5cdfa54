"""Quantiles of a symmetric law from its CDF."""

from __future__ import annotations

import jax.numpy as jnp
from jax import lax
from jax.typing import ArrayLike
from jaxtyping import Array
from numpyro.distributions import Distribution

__all__ = ["symmetric_quantile"]

# Beyond this many widths the CDF of a Gaussian tail is below the smallest number.
REACH = 40.0
# Halvings of the bracket of twice REACH widths: 80 · 2⁻⁶² = 2e-17 widths are left.
HALVINGS = 62


def symmetric_quantile(law: Distribution, q: ArrayLike, width: ArrayLike) -> Array:
    """The x with ``law.cdf(x) = q``, for a law symmetric about its mean with tails of at most ``width``; NaN for no q.

    Bisection in the lower half, where a CDF has its relative precision, mirrored for q > ½. A last Newton step from the
    root, which is held fixed, makes the derivatives in q and in the parameters those of the implicit function.
    """
    q, mean = jnp.asarray(q, jnp.result_type(width)), law.mean
    tail = jnp.where(q > 0.5, 1.0 - q, q)  # not the lesser: that has no derivative at ½
    inside = tail > 0
    target = jnp.where(inside, tail, 0.5)
    low = lax.stop_gradient(jnp.broadcast_to(mean - REACH * width, jnp.broadcast_shapes(q.shape, jnp.shape(mean))))
    high = lax.stop_gradient(jnp.broadcast_to(mean, low.shape))

    def halve(_: ArrayLike, bracket: tuple[Array, Array]) -> tuple[Array, Array]:
        low, high = bracket
        middle = 0.5 * (low + high)
        below = law.cdf(middle) < target
        return jnp.where(below, middle, low), jnp.where(below, high, middle)

    root = lax.stop_gradient(0.5 * sum(lax.fori_loop(0, HALVINGS, halve, (low, high))))
    newton = root - (law.cdf(root) - target) / lax.stop_gradient(jnp.exp(law.log_prob(root)))
    x = jnp.where(q > 0.5, 2.0 * mean - newton, newton)
    return jnp.where(inside, x, jnp.where(q == 0, -jnp.inf, jnp.where(q == 1, jnp.inf, jnp.nan)))
