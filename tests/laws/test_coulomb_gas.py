"""The Coulomb gas of N levels against its definition, against simulated gases and against the pair law."""

import jax
import jax.numpy as jnp
import mpmath as mp
import numpy as np
import pytest
from jax.test_util import check_grads
from numpyro.distributions import biject_to
from scipy import stats

from coulombfit.laws.gas import normaliser as gas_normaliser
from coulombfit.laws.gas.coulomb_gas import CoulombGas, descending
from coulombfit.laws.pair.one_species import OneSpeciesPair
from simulators import dyson

pytestmark = pytest.mark.usefixtures("float64")

# Chance that any one goodness-of-fit test here fails by luck; seeds are fixed, so it is spent once.
FALSE_ALARM = 1e-3

# Closest where the law exists (6 √(σ_i² + σ_j²)), unlike widths, and spectra as of Eq. 10: centres, widths, sizes.
GASES = {
    "pair": ([4.0], [0.04], (2,)),
    "two singles": ([8.5, 0.0], [1.0, 1.0], (1, 1)),
    "pair over single": ([0.51, 0.0], [0.08, 0.02], (2, 1)),
    "single over pair": ([0.51, 0.0], [0.08, 0.02], (1, 2)),
    "three singles": ([9.0, 0.0, -13.0], [1.0, 1.0, 1.9], (1, 1, 1)),
    "two pairs": ([8.5, 0.0], [1.0, 1.0], (2, 2)),
    "unlike pairs": ([6.1, 0.0], [1.0, 1e-3], (2, 2)),
    "pair and two singles": ([9.0, 0.0, -15.0], [1.0, 1.0, 2.0], (1, 2, 1)),
}
TEN = (
    np.array([5.0, 4.618, 3.618, 2.382, 1.382, 1.0]),
    np.array([0.055, 0.02, 0.03, 0.04, 0.03, 0.02]),
    (1, 2, 2, 2, 2, 1),
)


def gas(name: str) -> CoulombGas:
    centres, widths, sizes = GASES[name]
    return CoulombGas(np.array(centres), np.array(widths), sizes, validate_args=True)


def sample(law: CoulombGas, seed: int, draws: int) -> np.ndarray:
    return np.asarray(law.sample(jax.random.key(seed), (draws,)))


def levels_of(centres, widths, sizes):
    """Centre and width of every level."""
    return np.repeat(centres, sizes), np.repeat(widths, sizes)


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


class TestSampler:
    def test_a_pair(self) -> None:
        x = sample(CoulombGas(np.array([4.0]), np.array([0.04]), (2,)), 4, 20_000)
        scale = np.sqrt(2) * 0.04
        assert stats.kstest(x[:, 0] - x[:, 1], "rayleigh", (0, scale)).pvalue > FALSE_ALARM
        assert stats.kstest(x.sum(axis=1) - 8, stats.norm(0, scale).cdf).pvalue > FALSE_ALARM
        assert stats.kstest(x[:, 0] - x[:, 1], "rayleigh", (0, 1.1 * scale)).pvalue < FALSE_ALARM

    @pytest.mark.parametrize("beta", [0.5, 2.0, 4.0])
    def test_a_pair_of_any_repulsion(self, beta: float) -> None:
        """S²/4σ² ~ Gamma((1 + β)/2)."""
        x = sample(CoulombGas(np.zeros(1), np.ones(1), (2,), beta), 5, 20_000)
        assert stats.kstest((x[:, 0] - x[:, 1]) ** 2 / 4, "gamma", ((1 + beta) / 2,)).pvalue > FALSE_ALARM
        assert stats.kstest((x[:, 0] - x[:, 1]) ** 2 / 4, "gamma", (0.6 + beta / 2,)).pvalue < FALSE_ALARM

    def test_twenty_levels_are_eigenvalues_of_gaussian_matrices(self) -> None:
        law = CoulombGas(np.array([1.0]), np.array([0.1]), (20,))
        x = sample(law, 6, 5000)
        normal = np.random.default_rng(7).standard_normal((5000, 20, 20))
        y = 1 + 0.1 * np.linalg.eigvalsh((normal + normal.transpose(0, 2, 1)) / 2)[:, ::-1]
        levels = [(x[:, i], y[:, i]) for i in (0, 1, 9, 19)]
        spacings = [(-np.diff(x)[:, i], -np.diff(y)[:, i]) for i in (0, 9, 18)]
        for ours, theirs in levels + spacings:
            assert stats.ks_2samp(ours, theirs).pvalue > FALSE_ALARM / 7
        assert stats.ks_2samp(spacings[1][0], 1.1 * spacings[1][1]).pvalue < FALSE_ALARM / 7

    @pytest.mark.parametrize("name", ["pair and two singles", pytest.param("ten", marks=pytest.mark.slow)])
    def test_clusters_are_as_simulated(self, name: str) -> None:
        """Levels, spacings and covariances against Langevin dynamics, which knows neither tangents nor clusters."""
        centres, widths, sizes = TEN if name == "ten" else GASES[name]
        c, w = levels_of(centres, widths, sizes)
        y = dyson.simulate(centres=c, widths=w, runs=8000, steps=150, seed=8).eigenvalues[:, -1]
        x = sample(CoulombGas(np.array(centres), np.array(widths), sizes), 9, 8000)
        columns = [(x[:, i], y[:, i]) for i in range(len(c))]
        columns += [(-np.diff(x)[:, i], -np.diff(y)[:, i]) for i in range(len(c) - 1)]
        for ours, theirs in columns:
            assert stats.ks_2samp(ours, theirs).pvalue > FALSE_ALARM / len(columns)
        u, v = (x - y.mean(axis=0)) / w, (y - y.mean(axis=0)) / w
        for i in range(len(c)):
            for j in range(i + 1):
                ours, theirs = u[:, i] * u[:, j], v[:, i] * v[:, j]
                error = np.sqrt((ours.var() + theirs.var()) / len(x))
                assert abs(ours.mean() - theirs.mean()) < 4.5 * error

    def test_the_displacement_is_seen(self) -> None:
        """Two singles: E x_i = c_i ± σ_i²/d exactly, 13 standard errors from the bare centre."""
        x = sample(gas("two singles"), 10, 12_000)
        error = 1 / np.sqrt(len(x))
        np.testing.assert_allclose(x.mean(axis=0), [8.5 + 1 / 8.5, -1 / 8.5], atol=4 * error)

    @pytest.mark.slow
    def test_draws_and_density_agree(self) -> None:
        """The mean of q/p over draws of p is 1 for a narrower q."""
        law = gas("pair and two singles")
        x = law.sample(jax.random.key(11), (40_000,))
        centres, widths, sizes = GASES["pair and two singles"]
        log_q, first = 0.0, 0
        for c, w, n in zip(centres, widths, sizes, strict=True):
            block = CoulombGas(np.array([c]), np.array([0.8 * w]), (n,))
            log_q, first = log_q + block.log_prob(x[:, first : first + n]), first + n
        ratio = np.exp(np.asarray(log_q - law.log_prob(x)))
        error = ratio.std() / np.sqrt(len(ratio))
        assert error < 0.01
        assert abs(ratio.mean() - 1) < 4 * error


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


@pytest.mark.slow
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
