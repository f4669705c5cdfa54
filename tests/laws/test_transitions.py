"""Steps of Dyson's process: against mpmath, against matrices, and sums of steps against steps."""

import jax
import jax.numpy as jnp
import mpmath as mp
import numpy as np
import pytest
from scipy import stats

from coulombfit import laws
from coulombfit.laws.trajectory.path import DysonPath
from coulombfit.laws.trajectory.scores import uniform_steps
from coulombfit.laws.trajectory.sums import StepSums, SummedSteps, rows_of_steps
from tests.laws.matrices import levels_over_time

pytestmark = pytest.mark.usefixtures("float64")

CENTRE, SIGMA = 4.0, 0.05
STEPS = np.cumsum([1.0, *np.random.default_rng(5).choice([1.0, 2.0, 5.0], 59)])
GAPS = np.array([np.inf, *np.diff(STEPS)])
SIZES = (2, 1)


def pair_step(new, old, a, beta):
    """Ln p(x' | x), as shared derivations write it."""
    sigma = mp.mpf(SIGMA)
    v, nu = 2 * sigma**2 * (1 - mp.mpf(a) ** 2), (mp.mpf(beta) - 1) / 2
    (x1, x2), (y1, y2) = (list(map(mp.mpf, each)) for each in (new, old))
    spacing, before = x1 - x2, y1 - y2
    along = x1 + x2 - 2 * CENTRE - a * (y1 + y2 - 2 * CENTRE)
    density = mp.exp(-(along**2) / (2 * v)) / mp.sqrt(2 * mp.pi * v)
    z = a * before * spacing / v
    front = (spacing / v) * (spacing / (a * before)) ** nu
    density *= front * mp.exp(-(spacing**2 + a**2 * before**2) / (2 * v)) * mp.besseli(nu, z)
    return mp.log(2 * density)


@pytest.fixture(scope="module")
def trajectories() -> np.ndarray:
    """A pair and a single level of 30 runs at uneven times, memories exp(−0.2) and exp(−0.05) a step."""
    pair = levels_over_time(STEPS, rate=0.2, runs=30, sigma=SIGMA)
    level = levels_over_time(STEPS, rate=0.05, runs=30, size=1, centre=2.0, sigma=0.03, seed=1)
    return np.concatenate([pair, level], axis=2)


def path(beta=1.0, gaps=GAPS, **changed) -> DysonPath:
    numbers = {"centres": [CENTRE, 2.0], "widths": [SIGMA, 0.03], "memories": np.exp([-0.2, -0.05])} | changed
    return DysonPath(**{name: jnp.asarray(each) for name, each in numbers.items()}, betas=beta, sizes=SIZES, gaps=gaps)


def test_the_step_of_a_pair_agrees_with_mpmath() -> None:
    """Memories of almost nothing and almost all, pairs that touch and pairs ten widths apart."""
    olds = np.array([[4.001, 3.999], [4.06, 3.97], [4.3, 3.8]])
    news = np.array([[4.0 + 1e-6, 4.0 - 1e-6], [4.07, 3.96], [4.31, 3.79]])
    density = jax.jit(lambda a, beta, old, new: laws.PairTransition(CENTRE, SIGMA, a, old, beta).log_prob(new))
    for a in (1e-4, 0.5, 0.97, 0.9999):
        for beta in (0.2, 1.0, 2.0, 6.0):
            got = density(a, beta, olds, news)
            with mp.workdps(40):
                expected = [float(pair_step(new, old, a, beta)) for new, old in zip(news, olds, strict=True)]
            np.testing.assert_allclose(got, expected, rtol=1e-10, atol=1e-10)
    # β that is known takes another function
    got = laws.PairTransition(CENTRE, SIGMA, 0.5, olds).log_prob(news)
    np.testing.assert_allclose(got, density(0.5, 1.0, olds, news), rtol=1e-12)


def test_gradients_of_the_step_of_a_pair_agree_with_mpmath() -> None:
    old, new = (4.06, 3.97), (4.09, 3.95)

    def density(a, beta):
        return laws.PairTransition(CENTRE, SIGMA, a, jnp.array(old), beta).log_prob(jnp.array(new))

    got = jax.jit(jax.grad(density, argnums=(0, 1)))(0.9, 1.3)
    with mp.workdps(40):
        expected = [
            mp.diff(lambda a: pair_step(new, old, a, 1.3), mp.mpf("0.9")),
            mp.diff(lambda beta: pair_step(new, old, mp.mpf("0.9"), beta), mp.mpf("1.3")),
        ]
        np.testing.assert_allclose(got, [float(each) for each in expected], rtol=1e-10)


def test_without_memory_a_step_is_the_stationary_law() -> None:
    x = np.array([[4.1, 3.95], [4.001, 4.0]])
    got = laws.PairTransition(CENTRE, SIGMA, 0.0, jnp.array([4.2, 4.0])).log_prob(x)
    np.testing.assert_allclose(got, laws.OneSpeciesPair(CENTRE, SIGMA).log_prob(x), rtol=1e-12)


@pytest.mark.parametrize("beta", [1.0, 2.0])
def test_draws_of_a_step_follow_its_density(beta) -> None:
    """Kolmogorov and Smirnov's p of the sum and the spacing above 1e-4: with one seed, a false alarm never comes."""
    old = np.array([4.06, 3.97])
    draw = jax.jit(lambda key: laws.PairTransition(CENTRE, SIGMA, 0.8, old, beta).sample(key, (4000,)))
    x = np.asarray(draw(jax.random.key(0)))
    both = np.stack([np.broadcast_to(old, x.shape), x], axis=1)
    laws_of = np.array([CENTRE]), np.array([SIGMA]), np.array([0.8]), np.array([beta])
    for uniform in uniform_steps(both, np.array([np.inf, 1.0]), (2,), *laws_of).values():
        assert stats.kstest(uniform.ravel(), "uniform").pvalue > 1e-4


def test_matrices_take_the_steps_of_the_law(trajectories) -> None:
    """Steps of matrices at uneven times are uniform and independent within the law; not so of another β or memory."""
    numbers = [np.array([CENTRE, 2.0]), np.array([SIGMA, 0.03]), np.exp([-0.2, -0.05]), np.array([1.0])]
    good = uniform_steps(trajectories, GAPS, SIZES, *numbers)
    assert list(good) == ["sum of levels 0, 1", "spacing of levels 0, 1", "level 2"]
    for uniform in good.values():
        assert stats.kstest(uniform.ravel(), "uniform").pvalue > 1e-3
        normal = stats.norm.ppf(uniform)
        assert abs((normal[:, 1:] * normal[:, :-1]).mean()) < 4.0 / np.sqrt(normal.size)
    other = uniform_steps(trajectories, GAPS, SIZES, *numbers[:3], np.array([2.0]))
    assert stats.kstest(other["spacing of levels 0, 1"].ravel(), "uniform").pvalue < 1e-6
    other = uniform_steps(trajectories, GAPS, SIZES, *numbers[:2], np.exp([-0.4, -0.1]), numbers[3])
    assert stats.kstest(other["level 2"].ravel(), "uniform").pvalue < 1e-6


def test_the_law_of_a_path_is_the_product_of_its_steps(trajectories) -> None:
    pair, level = jnp.asarray(trajectories[..., :2]), jnp.asarray(trajectories[..., 2])
    left = np.exp(-0.2 * GAPS[1:])

    @jax.jit
    def one_by_one(pair, level):
        found = laws.OneSpeciesPair(CENTRE, SIGMA).log_prob(pair[:, 0]).sum()
        found += laws.PairTransition(CENTRE, SIGMA, left, pair[:, :-1]).log_prob(pair[:, 1:]).sum()
        law = laws.LevelTransition(2.0, 0.03, np.exp(-0.05 * GAPS[1:]), level[:, :-1])
        return found + law.log_prob(level[:, 1:]).sum()

    expected = float(one_by_one(pair, level)) + stats.norm.logpdf(level[:, 0], 2.0, 0.03).sum()
    steps = jax.jit(lambda x: path().steps(x))
    found = np.asarray(steps(trajectories))
    assert found.sum() == pytest.approx(expected, rel=1e-12)
    given = jax.jit(lambda x: path(gaps=np.array([np.nan, *GAPS[1:]])).steps(x))(trajectories)
    np.testing.assert_array_equal(given[:, 0], 0.0)
    np.testing.assert_allclose(given[:, 1:], found[:, 1:], rtol=1e-12)
    upside_down = trajectories.copy()
    upside_down[3, 5, :2] = 3.9, 4.1
    assert steps(upside_down)[3, 5] == -np.inf


@pytest.mark.parametrize("known", [True, False])
def test_few_rows_of_sums_stand_for_all_steps(known) -> None:
    """Within 1e-5 in ln L of 9000 steps, at the posterior and away from it; finer grids are better."""
    x = levels_over_time(np.arange(300.0), rate=0.05, runs=30)
    rows = rows_of_steps((x - 4.0) / SIGMA, np.array([np.inf, *np.ones(299)]), (2,)).reshape(-1, 13)
    errors = []
    density = jax.jit(
        lambda numbers, beta, nodes: SummedSteps(*numbers[:, None], 1.0 if known else beta, (2,)).log_prob(nodes)
    )
    for level in range(3):
        few = StepSums((2,)).compress(rows, level)
        assert few.size <= 256
        for numbers in ([0.0, 1.0, 0.95], [0.2, 1.3, 0.9], [0.0, 0.8, 0.97]):
            for beta in ([1.0], [0.5], [2.5]):
                all_of_them, some = (density(np.array(numbers), np.array(beta), one) for one in (rows, few.nodes))
                errors.append(abs(float(all_of_them.sum() - few.weights @ some)))
    assert max(errors) < 1e-5
    assert max(errors[18:]) < 1e-7


@pytest.mark.slow
def test_draws_of_paths_take_the_steps_of_the_law() -> None:
    """From the stationary law, and from given snapshots far away, β = 1 and β = 2 at uneven times."""
    numbers = [np.array([CENTRE, 2.0]), np.array([SIGMA, 0.03]), np.exp([-0.2, -0.05])]
    for beta, gaps in ((1.0, GAPS), (jnp.array([2.0]), np.array([np.nan, *GAPS[1:]]))):
        first = np.broadcast_to([4.5, 4.2, 2.2], (40, 3))
        law = path(beta, gaps)
        draw = jax.jit(lambda key, x, law=law: law.sample_from(key, x))
        x = np.asarray(draw(jax.random.key(1), first))
        assert x.shape == (40, 60, 3)
        if np.isnan(gaps[0]):
            np.testing.assert_allclose(x[:, 0], first, rtol=1e-12)
        for uniform in uniform_steps(x, gaps, SIZES, *numbers, np.broadcast_to(beta, 1)).values():
            assert stats.kstest(uniform.ravel(), "uniform").pvalue > 1e-4
