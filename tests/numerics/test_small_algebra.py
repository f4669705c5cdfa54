"""Algebra of small matrices without LAPACK, against NumPy and exact arithmetic."""

import jax
import jax.numpy as jnp
import mpmath as mp
import numpy as np
import pytest

from coulombfit.numerics.small_algebra import factor, inverse, log_abs_det, solve, solve_transposed

pytestmark = pytest.mark.usefixtures("float64")

SIZES = (1, 2, 3, 5, 13)


def positive_definite(size: int, condition: float = 100.0) -> np.ndarray:
    rng = np.random.default_rng(size)
    q = np.linalg.qr(rng.normal(size=(size, size)))[0]
    return (q * np.geomspace(1.0, condition, size)) @ q.T


@pytest.mark.parametrize("size", SIZES)
def test_factors_solve(size: int) -> None:
    a, b = positive_definite(size), np.arange(1.0, size + 1)
    lower, pivots = factor(jnp.asarray(a))
    np.testing.assert_allclose((lower * pivots) @ lower.T, a, rtol=1e-12, atol=1e-12)
    found = solve_transposed(lower, solve(lower, jnp.asarray(b)) / pivots)
    np.testing.assert_allclose(found, np.linalg.solve(a, b), rtol=1e-10)


@pytest.mark.parametrize("size", [2, 4])
def test_ill_conditioned_factors_are_backward_stable(size: int) -> None:
    """Hilbert's matrix of condition 1e4 and a scale of 1e-8 beside 1e8: residuals as small as rounding makes them."""
    hilbert = np.array([[1.0 / (i + j + 1) for j in range(size)] for i in range(size)])
    scale = np.geomspace(1e-8, 1e8, size)
    a = hilbert * scale[:, None] * scale
    lower, pivots = factor(jnp.asarray(a))
    np.testing.assert_allclose((lower * pivots) @ lower.T, a, rtol=1e-14)
    with mp.workdps(60):
        exact = mp.log(mp.det(mp.matrix(a.tolist())))
    assert float(jnp.log(pivots).sum()) == pytest.approx(float(exact), rel=1e-10, abs=1e-10)


@pytest.mark.parametrize("size", SIZES)
def test_a_matrix_of_either_sign_has_a_positive_definite_one_near(size: int) -> None:
    a = positive_definite(size)
    np.testing.assert_allclose(factor(jnp.asarray(a), jnp.asarray(1e-3))[1], factor(jnp.asarray(a))[1], rtol=1e-14)
    indefinite = a - 2.0 * np.linalg.eigvalsh(a)[size // 2] * np.eye(size)
    lower, pivots = factor(jnp.asarray(indefinite), jnp.asarray(1e-3))
    assert float(pivots.min()) >= 1e-3
    assert np.linalg.eigvalsh((lower * pivots) @ lower.T)[0] > 0
    assert np.isfinite(factor(jnp.zeros((size, size)), jnp.asarray(1e-3))[0]).all()


@pytest.mark.one_by_default
@pytest.mark.parametrize(
    "size", [1, 2, pytest.param(3, marks=pytest.mark.slow), 5, pytest.param(13, marks=pytest.mark.slow)]
)
def test_inverse_determinant_and_their_derivatives(size: int) -> None:
    rng = np.random.default_rng(size)
    a = np.diag(np.geomspace(1e-3, 1e3, size)) @ (np.eye(size) + 0.3 / size * rng.normal(size=(size, size)))
    inverted = np.linalg.inv(a)
    np.testing.assert_allclose(inverse(jnp.asarray(a)), inverted, rtol=1e-9, atol=1e-12)
    assert float(log_abs_det(jnp.asarray(a))) == pytest.approx(np.linalg.slogdet(a)[1], rel=1e-12, abs=1e-12)
    assert float(log_abs_det(jnp.asarray(-a))) == float(log_abs_det(jnp.asarray(a)))
    np.testing.assert_allclose(jax.grad(log_abs_det)(jnp.asarray(a)), inverted.T, rtol=1e-9, atol=1e-12)
    expected = -np.einsum("li,jk->ijkl", inverted, inverted)
    np.testing.assert_allclose(jax.hessian(log_abs_det)(jnp.asarray(a)), expected, rtol=1e-8, atol=1e-9)
