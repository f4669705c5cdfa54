"""Linear algebra with the run in the last axis, against LAPACK."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from simulators.linalg.small_matrices import cholesky, inverse, product, squared_singular_values


@pytest.fixture
def double():
    with jax.enable_x64(True):
        yield


def positive_definite(n: int, runs: int = 7) -> jax.Array:
    a = np.random.default_rng(n).standard_normal((runs, n, n + 2))
    return jnp.moveaxis(a @ a.transpose(0, 2, 1), 0, -1)


@pytest.mark.parametrize("sizes", [(1, 1, 1), (10, 10, 10), (3, 2, 5), (2, 21, 3)])
def test_products(double, sizes) -> None:
    n, k, m = sizes
    rng = np.random.default_rng(0)
    a, b = (jnp.asarray(rng.standard_normal(shape)) for shape in ((n, k, 6), (k, m, 6)))
    np.testing.assert_allclose(product(a, b), np.einsum("ikr,kjr->ijr", a, b), rtol=1e-12, atol=1e-13)
    shared = b[:, :, :1]
    np.testing.assert_allclose(product(a, shared), np.einsum("ikr,kj->ijr", a, shared[:, :, 0]), rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("n", [1, 2, 10, 16])
def test_inverses_and_factors(double, n) -> None:
    a = positive_definite(n)
    first = np.moveaxis(a, -1, 0)
    np.testing.assert_allclose(np.moveaxis(inverse(a), -1, 0), np.linalg.inv(first), rtol=1e-8)
    np.testing.assert_allclose(np.moveaxis(cholesky(a), -1, 0), np.linalg.cholesky(first), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("of", [inverse, cholesky])
def test_a_matrix_that_is_not_positive_definite_spoils_its_own_run_only(double, of) -> None:
    a = positive_definite(4, runs=3)
    a = a.at[:, :, 1].add(-30 * np.eye(4))
    broken = np.isnan(np.asarray(of(a))).any(axis=(0, 1))
    np.testing.assert_array_equal(broken, [False, True, False])


def test_squared_singular_values_keep_small_ones(double) -> None:
    """Through WᵀW the least would be lost to rounding."""
    rng = np.random.default_rng(1)
    u, v = (np.linalg.qr(rng.standard_normal((5, 3, 3)))[0] for _ in range(2))
    w = (u * [1.0, 1e-3, 1e-10]) @ v
    x = squared_singular_values(np.moveaxis(w, 0, -1))
    np.testing.assert_allclose(x.T, np.tile([1.0, 1e-6, 1e-20], (5, 1)), rtol=1e-5)
    w[2, 0, 0] = np.inf
    lost = np.isnan(squared_singular_values(np.moveaxis(w, 0, -1)))
    np.testing.assert_array_equal(lost, np.arange(5) == np.full((3, 1), 2))
