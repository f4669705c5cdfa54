"""The Coulomb gas as NumPyro takes it: arguments, support, the contract, precision and coordinates."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpyro.distributions import biject_to

from coulombfit.laws.gas.coulomb_gas import CoulombGas, descending
from tests.laws.gases import TEN, sample

pytestmark = pytest.mark.usefixtures("float64")


ONE, TWO = np.array([1.0]), np.array([1.0, -9.0])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((np.array(1.0), ONE), r"centres: expected one number a cluster along the last axis, got shape \(\)"),
        ((TWO, ONE), "widths: expected 2, one a centre, got 1"),
        ((TWO, np.ones(2), (2,)), r"sizes: expected 2 whole numbers above 0, one a cluster, got \(2,\)"),
        ((TWO, np.ones(2), (2, 0)), r"sizes: expected 2 whole numbers above 0, one a cluster, got \(2, 0\)"),
        ((TWO, np.ones(2), (3, 1)), r"sizes: expected clusters of 1 or 2 levels, .* got \(3, 1\)"),
        ((np.arange(9.0, 0, -1), np.full(9, 0.1), (2,) * 9), "sizes: expected at most 16 levels .* got 18"),
        ((TWO, np.ones(2), (1, 1), 2.0), "beta: expected 1 for several clusters, .* got 2.0"),
        ((ONE, np.array([-1.0])), "widths"),
        ((ONE, ONE, (3,), -1.0), "beta"),
        ((np.array([9.0, 0.0, -8.0]), np.ones(3)), "centres: .* got clusters 1 and 2 at 0 and -8 with widths 1 and 1"),
        ((TWO[::-1].copy(), np.ones(2)), "centres: expected clusters, descending, .* got clusters 0 and 1 at -9 and 1"),
    ],
)
def test_what_has_no_exact_law_is_refused(arguments, message) -> None:
    with pytest.raises(ValueError, match=message):
        CoulombGas(*arguments, validate_args=True)


def test_a_traced_repulsion_needs_one_cluster() -> None:
    assert jnp.isfinite(jax.jit(lambda beta: CoulombGas(ONE, ONE, (5,), beta).log_normaliser)(2.5))
    with pytest.raises(ValueError, match="beta: expected 1 for several clusters"):
        jax.jit(lambda beta: CoulombGas(TWO, np.ones(2), (2, 1), beta).log_normaliser)(1.0)


@pytest.mark.slow
def test_broken_separation_has_no_probability_and_no_nan() -> None:
    """One of three gases in a batch is too close; the others are none the worse."""
    centres = jnp.array([[9.0, 0.0], [5.0, 0.0], [0.0, 0.0]])
    widths = jnp.array([[1.0, 1.0], [1.0, 0.5], [1.0, 1.0]])
    x = jnp.array([9.1, 0.5, -0.5])

    def log_prob(c, w):
        law = CoulombGas(c, w, (1, 2), validate_args=False)
        return law.log_prob(x)

    value, gradient = jax.vmap(jax.value_and_grad(log_prob, argnums=(0, 1)))(centres, widths)
    np.testing.assert_array_equal(np.isneginf(value), [False, True, True])
    assert np.isfinite(value[0])
    for each in gradient:
        assert np.isfinite(each).all()
        assert (np.asarray(each[0]) != 0).all()
    law = CoulombGas(centres, widths, (1, 2), validate_args=False)
    np.testing.assert_array_equal(law.separated, [True, False, False])
    np.testing.assert_array_equal(np.isposinf(law.log_normaliser), [False, True, True])
    draws = law.sample(jax.random.key(0), (4,))
    np.testing.assert_array_equal(np.isnan(draws).all(axis=(0, 2)), [False, True, True])
    assert np.isfinite(draws[:, 0]).all()


def test_clusters_pushed_together_are_not_separated() -> None:
    """Sixty narrow levels push one wide level into another, although the centres are far enough apart."""
    narrow = 6.1 + 1e-3 * np.arange(60.0)[::-1]
    centres, widths = np.array([*narrow, 0.0, -8.6]), np.array([1e-5] * 60 + [1.0, 1.0])
    assert not CoulombGas(centres, widths, validate_args=False).separated
    assert CoulombGas(centres[-3:], widths[-3:], validate_args=False).separated


def test_outside_the_support() -> None:
    law = CoulombGas(TWO, np.ones(2), (1, 2), validate_args=False)
    x = jnp.array([[1.0, -9.0, -8.0], [1.0, -9.0, -9.0], [-9.0, 1.0, -10.0], [1.0, -8.0, -9.0]])
    value, gradient = jax.vmap(jax.value_and_grad(law.log_prob))(x)
    np.testing.assert_array_equal(np.isneginf(value), [True, True, True, False])
    assert np.isfinite(gradient).all()
    np.testing.assert_array_equal(law.support(x), [False, False, False, True])


@pytest.mark.one_slow
@pytest.mark.slow
@pytest.mark.parametrize(
    ("centres", "widths", "sizes", "beta"),
    [
        pytest.param([1.0], [0.1], (2,), 2.0, id="one cluster"),
        pytest.param([2.0, 1.0], [0.1, 0.08], (1, 1), 1.0, id="singles"),
        pytest.param([2.0, 1.0], [0.1, 0.08], (2, 1), 1.0, id="with a pair"),
    ],
)
def test_numpyro_contract(centres, widths, sizes, beta) -> None:
    """The fast tests of ``test_contract.py`` ask a gas of one and of several clusters most of this."""
    c, w, n = np.array(centres), np.array(widths), sum(sizes)
    law = CoulombGas(c, w, sizes, beta)
    assert (law.batch_shape, law.event_shape) == ((), (n,))
    draws = law.sample(jax.random.key(0), (3, 2))
    assert draws.shape == (3, 2, n)
    assert law.support(draws).all()
    reference = law.log_prob(draws)
    assert reference.shape == (3, 2)

    batch = CoulombGas(np.tile(c, (4, 1, 1)), w, list(sizes), beta)
    assert batch.batch_shape == (4, 1)
    assert batch.log_normaliser.shape == (4, 1)
    assert batch.sample(jax.random.key(0)).shape == (4, 1, n)
    np.testing.assert_allclose(batch.log_prob(draws[:, None])[:, 1], reference, rtol=1e-13)
    assert law.expand((6,)).log_prob(draws[0, 0]).shape == (6,)
    assert law.expand((6,)).sample(jax.random.key(0)).shape == (6, n)
    assert law.expand((6,)).to_event(1).event_shape == (6, n)
    masked = law.mask(jnp.array([True, False])).log_prob(draws)
    np.testing.assert_array_equal(masked, reference * np.array([1.0, 0.0]))

    leaves, structure = jax.tree.flatten(law)
    again = jax.tree.unflatten(structure, leaves)
    assert again.sizes == sizes
    np.testing.assert_array_equal(again.log_prob(draws), reference)
    np.testing.assert_allclose(jax.jit(lambda one: one.log_prob(draws))(law), reference, rtol=1e-13)
    by_vmap = jax.vmap(lambda one, x: one.log_prob(x), in_axes=(0, None))(batch, draws)
    np.testing.assert_allclose(by_vmap[0, 0], reference[0], rtol=1e-13)
    for moment in ("mean", "variance"):
        with pytest.raises(NotImplementedError):
            getattr(law, moment)


@pytest.mark.long
def test_float32_follows_the_input() -> None:
    centres, widths, sizes = TEN
    law = CoulombGas(centres, widths, sizes)
    x = sample(law, 2, 20)
    single = CoulombGas(centres.astype(np.float32), widths.astype(np.float32), sizes)
    got = single.log_prob(jnp.asarray(x, jnp.float32))
    assert got.dtype == jnp.float32
    # single precision moves a level of order 5 by up to 1e-5 widths, and a sum of 100 terms by their rounding
    np.testing.assert_allclose(got, law.log_prob(x), atol=1e-3)
    draws = single.sample(jax.random.key(2), (20,))
    assert draws.dtype == jnp.float32
    assert descending(draws).all()
    assert CoulombGas(np.zeros(1, np.float32), np.ones(1, np.float32), (3,)).log_normaliser.dtype == jnp.float32


def test_spectra_have_unconstrained_coordinates() -> None:
    transform = biject_to(descending)
    free = jnp.array([[0.3, -1.2, 0.1], [4.0, 2.0, -3.0]])
    x = transform(free)
    assert descending(x).all()
    np.testing.assert_allclose(transform.inv(x), free, rtol=1e-12)
    jacobian = np.linalg.slogdet(jax.vmap(jax.jacobian(transform))(free))[1]
    np.testing.assert_allclose(transform.log_abs_det_jacobian(free, x), jacobian, rtol=1e-12)
    assert descending(descending.feasible_like(x)).all()
