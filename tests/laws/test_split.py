"""Levels that need not be degenerate: their laws against mpmath, at the degenerate pair, and far from it."""

import jax
import jax.numpy as jnp
import mpmath as mp
import numpy as np
import pytest
from scipy import stats

from coulombfit import laws
from tests.laws import exact
from tests.laws.evaluation import EPS, compiled, derivatives, log_prob, parameters_of, sampler
from tests.laws.problems import DIGITS, PAIRS, Problem, named

pytestmark = pytest.mark.usefixtures("float64")

FALSE_ALARM = 1e-3
"""Chance that any of the statistical tests here fails by luck; there are fewer than 40 p-values."""
LEVEL = FALSE_ALARM / 40
SIGMAS = stats.norm.isf(LEVEL / 2)

SPLITS = {"none": 0.0, "small": 0.002, "as wide": 0.04, "apart": 0.2, "far": 40.0}
WIDTHS = {"equal": (0.04, 0.04), "upper wider": (0.04, 0.02), "lower wider": (0.02, 0.04), "extreme": (0.04, 4e-5)}
ABOUT = ((0.5, 0.3), (-1, 2), (2, -2), (1e-3, 0), (0.1, -5))


def _pairs(split: float, sigma_1: float, sigma_2: float) -> tuple:
    """Those of degenerate pairs, but for far levels, and some about the two centres, twenty in all."""
    own = [(4 + split / 2 + sigma_1 * a, 4 - split / 2 + sigma_2 * b) for a, b in ABOUT]
    others = [tuple(4 + 0.04 * np.array(pair)) for pair in PAIRS] if split < 1 else own * 4
    return tuple([pair for pair in own if pair[0] > pair[1]] + others)[:20]


ONE = [
    Problem(
        *(f"split pair, {name}", laws.SplitPair, {"centre": 4.0, "split": split, "sigma": 0.04}, exact.split_pair),
        *(_pairs(split, 0.04, 0.04), 1.5 * 0.04**2 + split**2 / 4),
    )
    for name, split in SPLITS.items()
]
TWO = [
    Problem(
        f"split anisotropic pair, {name}, {widths}",
        laws.SplitAnisotropicPair,
        {"centre": 4.0, "split": split, "sigma_1": s1, "sigma_2": s2},
        exact.split_anisotropic_pair,
        _pairs(split, s1, s2),
        0.75 * (s1**2 + s2**2) + split**2 / 4,
    )
    for name, split in SPLITS.items()
    for widths, (s1, s2) in WIDTHS.items()
]
# what is asked of the others is asked in the slow tests
QUICK = {p.name for p in ONE} | {
    f"split anisotropic pair, {name}" for name in ("as wide, lower wider", "apart, extreme")
}
every = pytest.mark.parametrize(
    "problem",
    [pytest.param(p, id=p.name, marks=() if p.name in QUICK else pytest.mark.slow) for p in ONE + TWO],
)
DRAWN = [p for p in ONE + TWO if "as wide" in p.name or "apart" in p.name]


@every
def test_densities_agree_with_mpmath(problem: Problem) -> None:
    """To 1e-12 relative, and what rounding of levels a thousand widths apart leaves."""
    got = log_prob(problem, problem.points)
    with mp.workdps(DIGITS):
        expected = [mp.log(problem.exact(point)) for point in problem.points]
        error = np.array([float(abs(mp.mpf(float(g)) - e)) for g, e in zip(got, expected, strict=True)])
        size = np.array([float(abs(e)) for e in expected])
    apart = problem.parameters["split"] / min(problem.widths)
    np.testing.assert_array_less(error, 1e-12 + 8 * EPS * np.where(size < 745, 10 * apart, size + 10 * apart))


@every
def test_gradients_agree_with_mpmath(problem: Problem) -> None:
    """To 1e-9, and to 1e-10 of the largest component in natural units, at every fourth point; finite at all."""
    got = derivatives(problem, problem.points)
    assert np.isfinite(got).all()
    for k in range(0, 20, 4):
        point = problem.points[k]
        expected = np.array([float(slope) for slope in problem.slopes(point)])
        offsets = np.abs(np.atleast_1d(point) - problem.centre)
        units = np.array([*offsets, offsets.max(), problem.parameters["split"], *problem.widths])
        small = 1e-10 * np.abs(expected * units).max() / np.maximum(units, 1e-300)
        np.testing.assert_array_less(np.abs(got[k] - expected), 1e-9 * np.abs(expected) + small + 1e-300)


@pytest.mark.parametrize("kind", ["split pair", "split anisotropic pair"])
def test_a_split_of_zero_is_the_degenerate_pair(kind: str) -> None:
    """To rounding, with its gradient; and the gradient in the split is zero there, as the law is even in it."""
    if kind == "split pair":
        split, other, columns, tolerance = ONE[0], named("one-species pair"), (4,), 0.0
    else:
        split, other, columns = TWO[1], named("anisotropic pair, unequal"), (4, 5)
        tolerance = 1e-12
    np.testing.assert_allclose(log_prob(split, other.points), log_prob(other, other.points), rtol=4 * EPS + tolerance)
    got, expected = derivatives(split, other.points), derivatives(other, other.points)
    scale = np.abs(expected).max(axis=1, keepdims=True)
    columns = (0, 1, 2, *columns)
    np.testing.assert_array_less(np.abs(got[:, columns] - expected), 1e-12 * np.abs(expected) + 1e-11 * scale)
    if kind == "split pair":
        np.testing.assert_array_less(np.abs(got[:, 3:4]), 1e-12 * scale)


def test_equal_widths_are_one_width() -> None:
    for one, two in zip(ONE[:4], TWO[::4], strict=False):
        np.testing.assert_allclose(log_prob(two, one.points), log_prob(one, one.points), rtol=1e-12, atol=1e-12)


def test_exchanging_both_the_widths_and_the_levels_is_a_reflection() -> None:
    """The map x → −x turns the upper level into the lower one."""
    one = laws.SplitAnisotropicPair(0.0, 0.07, 0.05, 0.03)
    other = laws.SplitAnisotropicPair(0.0, 0.07, 0.03, 0.05)
    pairs = np.array([[0.1, -0.02], [0.03, 0.01], [0.0, -0.2]])
    np.testing.assert_allclose(one.log_prob(pairs), other.log_prob(-pairs[:, ::-1]), rtol=1e-13)
    assert (np.abs(one.log_prob(pairs) - other.log_prob(pairs)) > 0.01).all()


def test_far_levels_are_independent_gaussian_ones() -> None:
    """Of one width up to repulsion, √(S/δ), and terms of order (σ/δ)²; of two up to terms of order σ/δ."""
    pair = np.array([4 + 20 + 0.03, 4 - 20 - 0.05])
    for s1, s2, repulsion, order in ((0.04, 0.04, 0.5, 1e-5), (0.04, 0.02, 0.0, 4e-3)):
        gaussian = stats.norm(24, s1).logpdf(pair[0]) + stats.norm(-16, s2).logpdf(pair[1])
        expected = gaussian + repulsion * np.log((pair[0] - pair[1]) / 40)
        law = laws.SplitAnisotropicPair(4.0, 40.0, s1, s2)
        assert float(law.log_prob(pair)) == pytest.approx(expected, abs=order)


def _normaliser(problem: Problem) -> tuple[float, np.ndarray, np.ndarray]:
    """Mass, mean and variance of the two levels, by quadrature in R and S."""
    nodes, weights = np.polynomial.legendre.leggauss(120)
    widest, split = max(problem.widths), problem.parameters["split"]
    low, high = max(0.0, split - 16 * widest), split + 16 * widest
    s, ws = low + 0.5 * (high - low) * (1 + nodes), 0.5 * (high - low) * weights
    r, wr = 16 * widest * nodes, 16 * widest * weights
    s, r = np.meshgrid(s, r, indexing="ij")
    x = np.stack([4 + (r + s) / 2, 4 + (r - s) / 2], axis=-1)
    law = jax.jit(lambda p, x: problem.law(**p).log_prob(x))
    mass = np.exp(np.asarray(law(parameters_of(problem), x))) * 0.5 * ws[:, None] * wr
    mean = np.einsum("ab,abc->c", mass, x)
    return mass.sum(), mean, np.einsum("ab,abc->c", mass, (x - mean) ** 2)


@pytest.mark.parametrize(
    "problem",
    [
        pytest.param(p, id=p.name, marks=() if "apart" in p.name else pytest.mark.slow)
        for p in ONE + TWO
        if "extreme" not in p.name
    ],
)
def test_laws_are_normalised_and_have_the_stated_moments(problem: Problem) -> None:
    mass, mean, variance = _normaliser(problem)
    law = problem.make()
    assert mass == pytest.approx(1, abs=1e-9)
    np.testing.assert_allclose(law.mean, mean, rtol=1e-9)
    np.testing.assert_allclose(law.variance, variance, rtol=1e-7)
    # of a level picked at random, in closed form
    picked = np.mean(np.asarray(law.variance) + (np.asarray(law.mean) - 4) ** 2)
    assert picked == pytest.approx(problem.variance, rel=1e-9)


@pytest.mark.parametrize("problem", DRAWN, ids=lambda p: p.name)
def test_samplers_draw_a_matrix_plus_noise(problem: Problem) -> None:
    """Against eigenvalues of matrices made here; means and variances against those of the law."""
    draws = np.asarray(sampler(problem.law, (20_000,))(parameters_of(problem), 3))
    rng, (s1, s2) = np.random.default_rng(5), (problem.widths * 2)[:2]
    noise = rng.standard_normal((3, 20_000)) * np.array([s1, s2, np.sqrt((s1**2 + s2**2) / 4)])[:, None]
    half = problem.parameters["split"] / 2
    matrices = np.stack([[4 + half + noise[0], noise[2]], [noise[2], 4 - half + noise[1]]]).transpose(2, 0, 1)
    levels = np.linalg.eigvalsh(matrices)[:, ::-1]
    for one, other in ((draws, levels), (np.cumsum(draws, axis=1), np.cumsum(levels, axis=1))):
        for k in (0, 1):
            assert stats.ks_2samp(one[:, k], other[:, k]).pvalue > LEVEL
    law = problem.make()
    np.testing.assert_array_less(
        np.abs(draws.mean(axis=0) - np.asarray(law.mean)), SIGMAS * draws.std(axis=0) / np.sqrt(len(draws))
    )
    np.testing.assert_allclose(draws.var(axis=0), np.asarray(law.variance), rtol=SIGMAS * np.sqrt(3 / len(draws)))


@pytest.mark.parametrize("law", [laws.SplitPair, laws.SplitAnisotropicPair])
def test_shapes_and_dtypes(law: type) -> None:
    names = list(law.arg_constraints)
    shapes = dict(zip(names, [(3, 1), (2,), (), (2,)], strict=False))
    made = law(**{name: jnp.full(shape, 0.5) for name, shape in shapes.items()})
    assert (made.batch_shape, made.event_shape) == ((3, 2), (2,))
    draws = jax.eval_shape(lambda key: made.sample(key, (4,)), jax.random.key(0))
    assert draws.shape == (4, 3, 2, 2)
    assert jax.eval_shape(made.log_prob, draws).shape == (4, 3, 2)
    assert jax.eval_shape(lambda: (made.mean, made.variance))[0].shape == (3, 2, 2)
    assert jax.eval_shape(lambda: (made.mean, made.variance))[1].shape == (3, 2, 2)
    single = jax.eval_shape(
        lambda: law(**{name: jnp.float32(0.5) for name in names}).log_prob(jnp.array([1.0, 0.2], jnp.float32))
    )
    assert single.dtype == jnp.float32


def test_no_nan_in_gradients_off_the_support() -> None:
    outside = jnp.array([[3.9, 4.1], [4.0, 4.0]])
    for problem in (ONE[2], TWO[9]):
        assert (log_prob(problem, outside) == -np.inf).all()
        assert not np.isnan(derivatives(problem, outside)).any()
    assert compiled(laws.SplitPair, "log_prob")({"centre": 4.0, "split": -0.1, "sigma": 0.04}, outside)[0] != 0


def test_second_derivatives_in_the_split_at_zero() -> None:
    """∂² ln p/∂δ² at δ = 0 is (S²/8σ² − ½)/σ², what a search for the mode there needs."""
    spacing = 0.09
    log_prob = jax.jit(lambda d: laws.SplitPair(4.0, d, 0.04).log_prob(jnp.array([4.05, 3.96])))
    second = jax.jit(jax.grad(jax.grad(log_prob)))(0.0)
    assert float(second) == pytest.approx((spacing**2 / (8 * 0.04**2) - 0.5) / 0.04**2, rel=1e-9)
