r"""The modified Bessel function I_ν(z) of real order ν > −1, scaled so that nothing overflows and nothing vanishes.

.. math:: h_\nu(z) = \ln\left[z^{-\nu} e^{-z} I_\nu(z)\right]

is smooth and even analytic at z = 0, where it is −ν ln 2 − ln Γ(ν + 1), and falls like −(ν + ½) ln z − ½ ln 2π. Up to
SERIES it is the power series (DLMF 10.25.2), all of whose terms are positive; beyond, Hankel's expansion (DLMF
10.40.1), whose terms fall to e^{−2z}. Both are polynomials in Horner's form whose coefficients depend on ν alone, so
that derivatives in z and ν are those of elementary functions; loops, as written out they take minutes to compile.
Relative errors of the function and of both derivatives are below 1e-12 for −½ ≤ ν ≤ LARGEST
(tests/numerics/test_bessel.py).
"""

from __future__ import annotations

from math import log, pi

import jax.numpy as jnp
from jax import lax
from jax.scipy.special import gammaln
from jax.typing import ArrayLike
from jaxtyping import Array, Float

__all__ = ["LARGEST", "log_scaled_bessel"]

LARGEST = 9.5
"""Largest order: beyond, Hankel's expansion has terms that cancel where the series ends."""
SERIES = 40.0
"""Where the series ends."""
POWERS = 58
"""Powers of z²/4: at z = 40 what is left out is below 1e-17 of the sum."""
INVERSE_POWERS = 18
"""Powers of 1/z: at z = 40 what is left out is below 1e-16."""


def log_scaled_bessel(order: ArrayLike, z: ArrayLike) -> Float[Array, "*shape"]:
    """``ln(z^−ν e^−z I_ν(z))``; NaN for orders at which it is not known to be exact, and for negative z.

    :param order: ν, from above −1 to LARGEST.
    :param z: from 0, broadcastable with ``order``.
    """
    order, z = jnp.asarray(order, float), jnp.asarray(z, float)
    small = z <= SERIES
    found = jnp.where(small, _by_series(order, jnp.where(small, z, 1.0)), _by_hankel(order, jnp.where(small, 1e3, z)))
    return jnp.where((order > -1.0) & (order <= LARGEST) & (z >= 0.0), found, jnp.nan)


def _by_series(order: Array, z: Array) -> Array:
    q = 0.25 * z * z

    def step(total: Array, k: Array) -> tuple[Array, None]:
        return 1.0 + total * (q / (k * (order + k))), None

    total, _ = lax.scan(step, _ones(order, z), jnp.arange(POWERS, 0.0, -1.0))
    return jnp.log(total) - z - order * log(2.0) - gammaln(order + 1.0)


def _by_hankel(order: Array, z: Array) -> Array:
    four, inverse = 4.0 * order * order, 1.0 / (8.0 * z)

    def step(total: Array, k: Array) -> tuple[Array, None]:
        return 1.0 - total * inverse * ((four - (2.0 * k - 1.0) ** 2) / k), None

    total, _ = lax.scan(step, _ones(order, z), jnp.arange(INVERSE_POWERS, 0.0, -1.0))
    return jnp.log(total) - (order + 0.5) * jnp.log(z) - 0.5 * log(2.0 * pi)


def _ones(order: Array, z: Array) -> Array:
    return jnp.ones(jnp.broadcast_shapes(order.shape, z.shape), jnp.result_type(order, z))
