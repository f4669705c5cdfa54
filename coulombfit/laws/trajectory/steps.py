r"""What one step of Dyson's process (Eq. 5) says, as sums over steps: the one place of its formulas.

To first order in the noise the fluctuation of a weight matrix is an AR(1) process of GOE noise with memory a, and so

- a single level is x' | x ~ N(c + a(x − c), σ²(1 − a²));
- of a degenerate pair, with S = x₁ − x₂, R = x₁ + x₂ − 2c and v = 2σ²(1 − a²), R' | R ~ N(aR, v) and, independently,

.. math:: p(S' | S) = S'^{\beta}\, v^{-\nu-1}\, e^{-(S' - aS)^2/2v}\; z^{-\nu} e^{-z} I_\nu(z),
          \qquad z = aSS'/v, \quad \nu = (\beta - 1)/2,

which is S'²/v | S ~ noncentral χ² of β + 1 degrees of freedom about a²S²/v; Rice's law for β = 1. a = 0 forgets the
step before: the stationary law. Data enter by sums of the increments d = x' − x and of x, which do not cancel as a → 1,
and by z alone where it is not a quadratic polynomial.
"""

from __future__ import annotations

from math import log, pi
from typing import NamedTuple

import jax.numpy as jnp
from jax.scipy.special import i0e
from jax.typing import ArrayLike
from jaxtyping import Array, Float

from coulombfit.numerics.bessel import log_scaled_bessel

__all__ = ["Decay", "Sums", "decay", "log_bessel", "log_gaussian", "log_spacing_step"]


class Decay(NamedTuple):
    """Of a step: what is left, a; what is lost, 1 − a; and the share of the variance that is new, 1 − a²."""

    left: Array
    lost: Array
    fresh: Array


class Sums(NamedTuple):
    """Sums over steps from y to y' = y + d: how many, Σd, Σy, Σd², Σdy and Σy²."""

    number: Array
    d: Array
    y: Array
    dd: Array
    dy: Array
    yy: Array


def decay(memory: ArrayLike, gap: ArrayLike = 1.0) -> Decay:
    """What ``gap`` steps leave, a^gap; nothing after infinitely many.

    :param memory: a of one step, between 0 and 1.
    :param gap: number of steps, above 0, maybe infinite; broadcastable.
    """
    finite = jnp.isfinite(gap)
    exponent = jnp.where(finite, gap, 1.0) * jnp.log(memory)
    # 1 − a and 1 − a² keep their digits as a → 1
    each = (jnp.exp(exponent), 0.0), (-jnp.expm1(exponent), 1.0), (-jnp.expm1(2.0 * exponent), 1.0)
    return Decay(*(jnp.where(finite, there, gone) for there, gone in each))


def log_gaussian(sums: Sums, centre: ArrayLike, variance: ArrayLike, lost: ArrayLike) -> Array:
    """Σ ln N(y'; c + a(y − c), variance) over steps of one decay.

    :param centre: c.
    :param variance: of y' given y.
    :param lost: 1 − a.
    """
    n, d, y, dd, dy, yy = sums
    squares = dd + 2.0 * lost * (dy - centre * d) + jnp.square(lost) * (yy - 2.0 * centre * y + n * jnp.square(centre))
    return -0.5 * n * jnp.log(2.0 * pi * variance) - 0.5 * squares / variance


def log_spacing_step(
    count: ArrayLike, log_spacings: ArrayLike, squares: ArrayLike, log_bessels: ArrayLike, beta: ArrayLike, v: ArrayLike
) -> Array:
    """Σ ln p(S' | S) over steps of one decay.

    :param log_spacings: Σ ln S'.
    :param squares: Σ (S' − aS)².
    :param log_bessels: Σ ln(z^−ν e^−z I_ν(z)).
    :param beta: β > 0.
    :param v: 2σ²(1 − a²).
    """
    scale = 0.5 * (jnp.asarray(beta) + 1.0) * count * jnp.log(v)
    return jnp.asarray(beta) * log_spacings - scale - 0.5 * jnp.asarray(squares) / v + log_bessels


def log_bessel(beta: ArrayLike, z: Float[Array, "*shape"]) -> Float[Array, "*shape"]:
    """ln(z^−ν e^−z I_ν(z)) of order ν = (β − 1)/2; of β = 1, where that is known beforehand, in a fifth of the time."""
    if isinstance(beta, int | float) and beta == 1:
        return jnp.log(i0e(z))
    return log_scaled_bessel(0.5 * (jnp.asarray(beta, float) - 1.0), z)


LOG_TWO = log(2.0)
"""Ln of the Jacobian from (x₁, x₂) to (R, S)."""
