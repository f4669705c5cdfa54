"""The Coulomb gas of N levels against its definition and against the pair law: normaliser and gradients."""

import jax
import jax.numpy as jnp
import mpmath as mp
import numpy as np
import pytest
from jax.test_util import check_grads
from scipy import stats

from coulombfit.laws.gas import normaliser as gas_normaliser
from coulombfit.laws.gas.coulomb_gas import CoulombGas
from coulombfit.laws.pair.one_species import OneSpeciesPair
from tests.laws.gases import FALSE_ALARM, GASES, TEN, gas, levels_of, sample

pytestmark = pytest.mark.usefixtures("float64")


def log_integral(centres, widths, sizes) -> float:
    """Logarithm of ∫ Π|x_i − x_j| e^{−V} by Gauss–Legendre over a box: the definition.

    Pairs in half sum and half difference, in which the modulus has no kink.
    """
    nodes, weights = np.polynomial.legendre.leggauss(36)
    points, mass = np.zeros((1, 0)), np.ones(1)
    for c, w, n in zip(centres, widths, sizes, strict=True):
        if n == 1:
            x, p = (c + 8.5 * w * nodes)[:, None], 8.5 * w * weights
        else:
            middle, half = (a.ravel() for a in np.meshgrid(c + 6.5 * w * nodes, 3.25 * w * (1 + nodes)))
            x = np.stack([middle + half, middle - half], axis=1)
            p = 2 * 6.5 * 3.25 * w**2 * np.outer(weights, weights).ravel()
        points = np.concatenate([np.repeat(points, len(x), axis=0), np.tile(x, (len(points), 1))], axis=1)
        mass = np.outer(mass, p).ravel()
    c, w = levels_of(centres, widths, sizes)
    integrand = np.exp(-0.5 * (((points - c) / w) ** 2).sum(axis=1))
    for i in range(len(c)):
        for j in range(i + 1, len(c)):
            integrand *= np.abs(points[:, i] - points[:, j])
    return float(np.log(integrand @ mass))


@pytest.mark.parametrize("name", GASES)
def test_the_normaliser_is_the_integral(name: str) -> None:
    """To 1e-9 of the whole; between two pairs as close as may be, exchange alone is 4e-10."""
    exact = log_integral(*GASES[name])
    assert float(gas(name).log_normaliser) == pytest.approx(exact, abs=1e-9)


def test_the_brute_force_integral_is_precise() -> None:
    """Ten times better than the tests that rest on it: against the closed form of the pair."""
    assert log_integral([4.0], [0.04], (2,)) == pytest.approx(np.log(2 * np.sqrt(np.pi) * 0.04**3), abs=1e-10)


@pytest.mark.one_by_default
@pytest.mark.parametrize("beta", [0.7, 1.0, 2.0, 4.0])
def test_mehtas_closed_form(beta: float) -> None:
    """Ordered levels by their gaps; the centre of mass is Gaussian."""
    with mp.workdps(20):
        two = mp.quad(lambda s: s**beta * mp.exp(-(s**2) / 4), [0, 3, mp.inf]) * mp.sqrt(mp.pi)
        three = mp.sqrt(2 * mp.pi / 3) * mp.quad(
            lambda s, t: (s * t * (s + t)) ** beta * mp.exp(-(s * s + s * t + t * t) / 3), [0, 12], [0, 12]
        )
    for levels, exact in ((2, two), (3, three)):
        law = CoulombGas(np.zeros(1), np.ones(1), (levels,), beta)
        assert float(law.log_normaliser) == pytest.approx(float(mp.log(exact)), abs=1e-10)


def test_a_degenerate_pair_is_the_one_species_pair() -> None:
    x = jnp.array([[4.05, 3.97], [4.001, 4.0], [4.3, 4.2]])
    law, pair = CoulombGas(np.array([4.0]), np.array([0.04]), (2,)), OneSpeciesPair(4.0, 0.04)
    np.testing.assert_allclose(law.log_prob(x), pair.log_prob(x), rtol=1e-14)


@pytest.mark.slow
def test_the_recursion_is_the_determinant() -> None:
    """On single levels, where both apply."""
    centres, widths = jnp.array([9.0, 7.5, 3.0, 2.0, 1.5, 0.0]), jnp.array([0.1, 0.12, 0.3, 0.1, 0.01, 0.2])
    sizes = (1,) * 6
    wedge = gas_normaliser._wedge_product(centres, widths, sizes)
    determinant = jnp.linalg.det(gas_normaliser._singles(centres, widths, sizes))
    np.testing.assert_allclose(wedge, determinant, rtol=1e-13)
    assert abs(float(wedge) - 1) > 1e-4


@pytest.mark.slow
def test_pairs_among_ten_levels_add_up_to_one() -> None:
    """The mean of p/q over another exact law: independent clusters about displaced centres, to 1 %."""
    centres, widths, sizes = TEN
    law = CoulombGas(centres, widths, sizes)
    distance = centres[:, None] - centres + np.diag(np.full(6, np.inf))
    shifted = centres + widths**2 * (np.array(sizes) / distance).sum(axis=1)
    keys = jax.random.split(jax.random.key(1), 6)
    blocks, log_q = [], 0.0
    for c, w, n, key in zip(shifted, widths, sizes, keys, strict=True):
        block = CoulombGas(np.array([c]), np.array([w]), (n,))
        blocks.append(block.sample(key, (40_000,)))
        log_q += block.log_prob(blocks[-1])
    ratio = np.exp(np.asarray(law.log_prob(jnp.concatenate(blocks, axis=1)) - log_q))
    error = ratio.std() / np.sqrt(len(ratio))
    assert error < 0.003
    assert abs(ratio.mean() - 1) < 4 * error


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("three singles", marks=pytest.mark.slow),
        "pair and two singles",
        pytest.param("unlike pairs", marks=pytest.mark.slow),
    ],
)
def test_units_and_origin_do_not_matter(name: str) -> None:
    centres, widths, sizes = GASES[name]
    law = gas(name)
    x = law.sample(jax.random.key(3), (5,))
    for scale, origin in ((1e-6, 0.0), (1e5, 0.0), (1.0, 1e3)):
        other = CoulombGas(scale * np.array(centres) + origin, scale * np.array(widths), sizes, validate_args=True)
        expected = law.log_prob(x) - sum(sizes) * np.log(scale)
        # an origin of 1e3 leaves 1e-13 of a centre's digits, which is 1e-10 of the narrowest width
        np.testing.assert_allclose(other.log_prob(scale * x + origin), expected, rtol=1e-12, atol=1e-8 * (origin > 0))


@pytest.mark.slow
@pytest.mark.parametrize(
    "law",
    [
        pytest.param(lambda c, w: CoulombGas(c, w, (1,) * 200), id="200 singles", marks=pytest.mark.slow),
        pytest.param(lambda c, w: CoulombGas(c[:1], w[:1], (1000,), 1.5), id="one cluster of 1000"),
        pytest.param(lambda c, w: CoulombGas(c[:8], w[:8], (2,) * 8), id="8 pairs", marks=pytest.mark.slow),
        pytest.param(lambda c, w: CoulombGas(1e3 + c[:2], 1e-6 * w[:2], (2, 1)), id="narrow", marks=pytest.mark.slow),
        pytest.param(lambda c, w: CoulombGas(c[:2], w[:2] * np.array([1.0, 1e-6]), (2, 2)), id="unlike"),
    ],
)
def test_large_and_extreme_gases(law) -> None:
    def log_prob(c, w, x):
        return law(c, w).log_prob(x)

    centres, widths = jnp.arange(200.0, 0.0, -1.0), jnp.full(200, 0.1)
    one = law(centres, widths)
    c, w = levels_of(one.centres, one.widths, one.sizes)
    x = jnp.asarray(c - w * np.concatenate([np.linspace(-0.5, 0.5, n) for n in one.sizes]))
    value, gradients = jax.jit(jax.value_and_grad(log_prob, argnums=(0, 1, 2)))(centres, widths, x)
    assert np.isfinite(value)
    assert all(np.isfinite(gradient).all() for gradient in gradients)


def test_far_clusters_are_independent() -> None:
    """An isolated single and an isolated pair, but for the factor d² of the distance: ln Z is a sum."""
    law = CoulombGas(np.array([1e9, 0.0]), np.array([1.0, 2.0]), (1, 2))
    alone = 0.5 * np.log(2 * np.pi) + np.log(2 * np.sqrt(np.pi) * 8)
    assert float(law.log_normaliser) == pytest.approx(alone + 2 * np.log(1e9), abs=1e-13 * 40)


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [
        "pair",
        pytest.param("three singles", marks=pytest.mark.slow),
        pytest.param("pair and two singles", marks=pytest.mark.slow),
    ],
)
def test_gradients_are_those_of_the_value(name: str) -> None:
    law = gas(name)
    c, w, sizes = np.array(GASES[name][0]), np.array(GASES[name][1]), law.sizes
    x = sample(law, 3, 1)[0]

    @jax.jit
    def log_prob(dc, ln_w, ln_beta, u):
        beta = jnp.exp(ln_beta) if len(sizes) == 1 else 1.0
        return CoulombGas(c + w * dc, w * jnp.exp(ln_w), sizes, beta).log_prob(x + np.repeat(w, sizes) * u)

    at = (0.02 * jnp.arange(len(c), 0, -1), jnp.full(c.shape, -0.01), jnp.array(0.1), jnp.full(x.shape, 1e-3))
    check_grads(log_prob, at, order=1, modes=("rev",), atol=1e-6, rtol=1e-6, eps=1e-5)


@pytest.mark.slow
def test_gradients_of_the_normaliser_are_moments() -> None:
    """∂ ln Z/∂c = E Σ(x − c)/σ² and ∂ ln Z/∂σ = E Σ(x − c)²/σ³, over draws; ten levels."""
    centres, widths, sizes = TEN
    x = sample(CoulombGas(centres, widths, sizes), 2, 20_000)
    exact = jax.jit(jax.grad(lambda c, w: CoulombGas(c, w, sizes).log_normaliser, argnums=(0, 1)))(centres, widths)
    c, w = levels_of(centres, widths, sizes)
    edges = np.cumsum((0, *sizes[:-1]))
    each = np.concatenate([np.add.reduceat(a, edges, axis=1) for a in ((x - c) / w**2, (x - c) ** 2 / w**3)], axis=1)
    errors = np.cov(each.T) / len(each)
    off = each.mean(axis=0) - np.concatenate(exact)
    assert off @ np.linalg.solve(errors, off) < stats.chi2.isf(FALSE_ALARM, len(off))
    # without repulsion between clusters the mean would be off by many errors
    assert (np.abs(exact[0]) > 5 * np.sqrt(np.diag(errors)[:6])).any()
