"""What the laws of a (near-)degenerate pair of levels share.

Convention of the joint laws: an event is the *ordered* pair ``(x1, x2)`` with ``x1 > x2``, shape ``(2,)``; densities
are normalised over that half-plane, so they are twice the density of an unordered pair. β = 1 (real weight matrices).
Densities of one level are those of a level picked at random from the pair. Widths are those of
:mod:`coulombfit.laws.pair.widths`.
"""

from __future__ import annotations

from math import log, pi

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import erf, erfc
from jax.typing import ArrayLike
from jaxtyping import Array, Float
from numpyro.distributions import biject_to, constraints, transforms

__all__ = [
    "LOG_FOUR_SQRT_PI",
    "descending_pair",
    "from_sum_and_spacing",
    "log_spacing",
    "random_level",
    "repeat_for_levels",
    "repulsion",
]

LOG_FOUR_SQRT_PI = log(4.0) + 0.5 * log(pi)


class _DescendingPair(constraints.ParameterFreeConstraint):
    """Pairs ``(x1, x2)`` with ``x1 > x2``."""

    event_dim = 1

    def __call__(self, x: Array | np.ndarray) -> Array | np.ndarray:
        return x[..., 0] > x[..., 1]

    # a class that defines equality, as NumPyro's does, has lost its hash
    def __hash__(self) -> int:
        return hash(type(self))

    def feasible_like(self, prototype: Array) -> Array:
        return jnp.broadcast_to(jnp.array([1.0, 0.0], dtype=prototype.dtype), prototype.shape)


descending_pair = _DescendingPair()
"""The support of the laws of a pair as a NumPyro constraint: real x₁ > x₂, event shape (2,)."""


class _ToDescendingPair(transforms.ComposeTransform):
    """Real vectors onto the support, which is where its last part alone would not say that it ends."""

    codomain = descending_pair


@biject_to.register(type(descending_pair))
def _from_unconstrained(constraint: constraints.Constraint) -> transforms.Transform:
    return _ToDescendingPair([transforms.OrderedTransform(), transforms.PermuteTransform(jnp.array([1, 0]))])


def log_spacing(x: Float[Array, "*batch 2"]) -> Float[Array, "*batch"]:
    """``ln(x1 - x2)``: the Vandermonde factor, minus infinity off the support without a NaN in its gradient."""
    spacing = x[..., 0] - x[..., 1]
    inside = spacing > 0
    return jnp.where(inside, jnp.log(jnp.where(inside, spacing, 1.0)), -jnp.inf)


def from_sum_and_spacing(centre: ArrayLike, total: Array, spacing: Array) -> Array:
    """Levels from ``R = x1 + x2 - 2 centre`` and ``S = x1 - x2``."""
    return jnp.stack([centre + 0.5 * (total + spacing), centre + 0.5 * (total - spacing)], axis=-1)


def repeat_for_levels(values: Float[Array, "*batch"]) -> Float[Array, "*batch 2"]:
    """The value repeated for each of the two levels, shape (…, 2)."""
    return jnp.stack([values, values], axis=-1)


@jax.custom_jvp
def repulsion(v: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """``2 exp(-v²/2) + √(2π) v erf(v/√2)``: ⟨|v − t|⟩ over a unit Gaussian t, times √(2π). Never below 2."""
    # beside 2, 1 − erfc is as good as erf, and four times as fast
    return 2.0 * jnp.exp(-0.5 * v**2) + jnp.sqrt(2.0 * pi) * v * (1.0 - erfc(v / jnp.sqrt(2.0)))


@repulsion.defjvp
def _(primals: tuple[Array], tangents: tuple[Array]) -> tuple[Array, Array]:
    # two of the three terms of the derivative cancel
    (v,), (dv,) = primals, tangents
    slope = jnp.sqrt(2.0 * pi) * erf(v / jnp.sqrt(2.0))
    return 2.0 * jnp.exp(-0.5 * v**2) + v * slope, slope * dv


def random_level(key: jax.Array, pairs: Float[Array, "*shape 2"]) -> Float[Array, "*shape"]:
    """One level of every pair."""
    return jnp.where(jax.random.bernoulli(key, shape=pairs.shape[:-1]), pairs[..., 0], pairs[..., 1])
