"""The scaled Bessel function of real order, against mpmath."""

import jax
import jax.numpy as jnp
import mpmath as mp
import numpy as np
import pytest

from coulombfit.numerics.bessel import LARGEST, SERIES, log_scaled_bessel

pytestmark = pytest.mark.usefixtures("float64")

ORDERS = [-0.5, -0.4, -0.25, 0.0, 0.5, 1.0, 2.5, LARGEST]
"""Of β = 0, 0.2, 0.5, 1, 2, 3, 6 and 20."""
ARGUMENTS = [0.0, 1e-8, 1e-3, 0.5, 3.0, 12.0, SERIES - 0.1, SERIES + 0.1, 100.0, 1e4, 1e6]


def exact(order, z):
    """ln(z^−ν e^−z I_ν(z)), and the limit at 0."""
    order, z = mp.mpf(order), mp.mpf(z)
    if z == 0:
        return -order * mp.log(2) - mp.loggamma(order + 1)
    return mp.log(mp.besseli(order, z)) - z - order * mp.log(z)


def slope(order, z):
    """Its derivative in z: I_ν' = I_ν+1 + ν I_ν/z."""
    order, z = mp.mpf(order), mp.mpf(z)
    return mp.besseli(order + 1, z) / mp.besseli(order, z) - 1 if z > 0 else mp.mpf(-1)


def test_values_and_both_derivatives_agree_with_mpmath() -> None:
    orders, z = (each.ravel() for each in np.meshgrid(ORDERS, ARGUMENTS))
    # one program
    both = jax.jit(jax.vmap(jax.value_and_grad(log_scaled_bessel, argnums=(0, 1))))
    value, (in_order, in_z) = both(orders, z)
    with mp.workdps(50):
        points = list(zip(orders.tolist(), z.tolist(), strict=True))
        expected = np.array([float(exact(*point)) for point in points])
        expected_in_z = np.array([float(slope(*point)) for point in points])
        # a central difference of 50 digits, good to its square
        h = mp.mpf(10) ** -15
        ends = [(exact(order + h, x), exact(order - h, x)) for order, x in points]
        expected_in_order = np.array([float((above - below) / (2 * h)) for above, below in ends])
    np.testing.assert_allclose(value, expected, rtol=1e-13, atol=1e-13)
    np.testing.assert_allclose(in_z, expected_in_z, rtol=1e-10, atol=1e-14)
    np.testing.assert_allclose(in_order, expected_in_order, rtol=1e-11, atol=1e-11)


def test_what_is_not_known_to_be_exact_is_nan() -> None:
    orders = jnp.array([-1.0, LARGEST + 0.1, 0.0, jnp.nan, 0.0])
    assert np.isnan(log_scaled_bessel(orders, jnp.array([1.0, 1.0, -1.0, 1.0, jnp.nan]))).all()
