"""Laws against exact answers: values, gradients, moments, samplers, and the NumPyro contract."""

from itertools import pairwise

import jax
import jax.numpy as jnp
import mpmath as mp
import numpy as np
import pytest
from numpyro.distributions import biject_to
from scipy import integrate, stats

from coulombfit import laws
from simulators import ensembles
from tests.problems import DENSITIES, DIGITS, PAIR_LAWS, PROBLEMS, Problem

pytestmark = pytest.mark.usefixtures("float64")

EPS = np.finfo(np.float64).eps
# Chance that any one of the goodness-of-fit tests here fails by luck; seeds are fixed, so it is spent once.
FALSE_ALARM = 1e-3


def every(problems):
    return pytest.mark.parametrize("problem", problems, ids=lambda p: p.name)


@every(PROBLEMS)
def test_density_agrees_with_mpmath(problem: Problem) -> None:
    """To 1e-12 relative wherever float64 can represent the density, and in the logarithm beyond."""
    got = np.asarray(problem.make().log_prob(jnp.asarray(problem.points)))
    with mp.workdps(DIGITS):
        exact = [mp.log(problem.exact(point)) for point in problem.points]
        errors = np.array([float(abs(mp.mpf(float(g)) - e)) for g, e in zip(got, exact, strict=True)])
        size = np.array([float(abs(e)) for e in exact])
    representable = size < 745
    assert representable.sum() >= 3
    np.testing.assert_array_less(errors[representable], 1e-12)
    np.testing.assert_array_less(errors[~representable], 8 * EPS * size[~representable] + 1e-12)


@every(PROBLEMS)
def test_gradients_are_finite_in_the_support(problem: Problem) -> None:
    def log_prob(parameters, value):
        return problem.law(**parameters).log_prob(value)

    parameters = {name: jnp.asarray(value) for name, value in problem.parameters.items()}
    gradients = jax.vmap(jax.grad(log_prob, argnums=(0, 1)), in_axes=(None, 0))(parameters, jnp.asarray(problem.points))
    for gradient in jax.tree.leaves(gradients):
        assert np.isfinite(gradient).all()


@every(PROBLEMS)
def test_gradients_agree_with_mpmath(problem: Problem) -> None:
    """Derivatives in every parameter and coordinate, by mpmath's numerical differentiation of the exact density."""
    point = problem.points[5 if len(problem.points) > 5 else 2]
    names = list(problem.parameters)

    def log_density(*arguments):
        parameters = dict(zip(names, arguments[: len(names)], strict=True))
        return mp.log(problem.density(*arguments[len(names) :], **parameters))

    with mp.workdps(DIGITS):
        at = [mp.mpf(value) for value in [*problem.parameters.values(), *map(float, np.atleast_1d(point))]]
        exact = [
            float(mp.diff(lambda x, i=i: log_density(*at[:i], x, *at[i + 1 :]), at[i], h=mp.mpf(10) ** -20))
            for i in range(len(at))
        ]

    def log_prob(parameters, value):
        return problem.law(**parameters).log_prob(value)

    parameters = {name: jnp.asarray(value) for name, value in problem.parameters.items()}
    got_parameters, got_value = jax.grad(log_prob, argnums=(0, 1))(parameters, jnp.asarray(point))
    got = [*(float(got_parameters[name]) for name in names), *np.atleast_1d(got_value)]
    np.testing.assert_allclose(got, exact, rtol=1e-9, atol=1e-9 * max(map(abs, exact)))


@every(DENSITIES)
def test_moments_and_cdf(problem: Problem) -> None:
    law = problem.make()
    assert float(law.variance) == pytest.approx(problem.variance, rel=1e-13)
    # the CDF is the integral of the density between neighbouring points
    points = np.sort([point for point in problem.points if abs(point - problem.centre) < 10 * problem.scale])
    masses = [
        integrate.quad(lambda x: float(jnp.exp(law.log_prob(x))), a, b, epsabs=1e-13, epsrel=1e-11, limit=200)[0]
        for a, b in pairwise(points)
    ]
    np.testing.assert_allclose(np.diff(np.asarray(law.cdf(jnp.asarray(points)))), masses, atol=1e-11)
    assert float(law.cdf(problem.centre + 50 * problem.scale)) == pytest.approx(1, abs=1e-15)
    assert float(law.cdf(problem.centre - 50 * problem.scale)) == pytest.approx(0, abs=1e-15)


@every(DENSITIES)
def test_sampler_of_a_density_fits_it(problem: Problem) -> None:
    law = problem.make()
    draws = np.asarray(law.sample(jax.random.key(11), (20_000,)))
    pvalue = stats.kstest(draws, lambda x: np.asarray(law.cdf(jnp.asarray(x)))).pvalue
    assert pvalue > FALSE_ALARM / len(PROBLEMS)
    assert draws.mean() == pytest.approx(float(law.mean), abs=5 * np.sqrt(problem.variance / draws.size))


def chi_square_of_pairs(law, draws: np.ndarray, centre: float, scale: float) -> float:
    """P-value of counts in cells of (S, R) against the integral of exp(log_prob) over each cell."""
    spacing, total = draws[:, 0] - draws[:, 1], draws.sum(axis=1) - 2 * centre
    s_edges, r_edges = np.linspace(0, 4.5 * scale, 13), np.linspace(-4 * scale, 4 * scale, 17)
    counts, *_ = np.histogram2d(spacing, total, bins=(s_edges, r_edges))
    nodes, weights = np.polynomial.legendre.leggauss(24)

    def panel(edges):
        half = np.diff(edges) / 2
        return (edges[:-1] + half)[:, None] + half[:, None] * nodes, half[:, None] * weights

    (s, ws), (r, wr) = panel(s_edges), panel(r_edges)
    s4, r4 = s[:, None, :, None], r[None, :, None, :]
    x = jnp.stack(jnp.broadcast_arrays(centre + (r4 + s4) / 2, centre + (r4 - s4) / 2), axis=-1)
    mass = np.einsum("abij,ai,bj->ab", np.exp(np.asarray(law.log_prob(x))) / 2, ws, wr)
    expected = mass * len(draws)
    used = expected > 10
    observed, predicted = counts[used], expected[used]
    observed = np.append(observed, len(draws) - observed.sum())
    predicted = np.append(predicted, len(draws) - predicted.sum())
    return stats.chisquare(observed, predicted).pvalue


MODERATE = [problem for problem in PAIR_LAWS if "extreme" not in problem.name]


@every(MODERATE)
def test_sampler_of_a_pair_fits_its_density(problem: Problem) -> None:
    law = problem.make()
    draws = np.asarray(law.sample(jax.random.key(5), (100_000,)))
    assert (draws[:, 0] > draws[:, 1]).all()
    assert chi_square_of_pairs(law, draws, problem.centre, problem.scale) > FALSE_ALARM / len(PROBLEMS)


def test_goodness_of_fit_notices_a_width_wrong_by_two_percent() -> None:
    draws = np.asarray(laws.TwoSpeciesPair(4.0, 0.04, 0.02).sample(jax.random.key(5), (100_000,)))
    assert chi_square_of_pairs(laws.TwoSpeciesPair(4.0, 0.0408, 0.0204), draws, 4.0, 0.04) < FALSE_ALARM / len(PROBLEMS)


@pytest.mark.parametrize(
    ("law", "draws"),
    [
        (laws.OneSpeciesPair(4.0, 0.04), ensembles.one_species(centre=4.0, sigma=0.04, runs=100_000, seed=3)),
        (
            laws.TwoSpeciesPair(4.0, 0.04, 0.02),
            ensembles.two_species(centre=4.0, sigma_1=0.04, sigma_2=0.02, runs=100_000, seed=3),
        ),
    ],
    ids=["matrices", "two-species ensemble"],
)
def test_simulated_ensembles_follow_the_laws(law, draws) -> None:
    """The simulators' samplers were written apart from the laws; one diagonalises random matrices."""
    assert chi_square_of_pairs(law, draws, 4.0, 0.04) > FALSE_ALARM / len(PROBLEMS)


def test_extreme_widths_are_sampled_and_evaluated() -> None:
    """σ₂/σ₁ = 1e-3: R given ±S is as narrow as σ₂; its standardised residual is a unit Gaussian."""
    law = laws.TwoSpeciesPair(4.0, 0.04, 4e-5)
    draws = np.asarray(law.sample(jax.random.key(7), (20_000,)))
    spacing, total = draws[:, 0] - draws[:, 1], draws.sum(axis=1) - 8.0
    r = float(law.asymmetry)
    sd = np.sqrt(2) * 0.04 * 4e-5 / float(law.sigma_m)
    residual = np.where(
        np.abs(total - r * spacing) < np.abs(total + r * spacing), total - r * spacing, total + r * spacing
    )
    assert stats.kstest(residual / sd, "norm").pvalue > FALSE_ALARM / len(PROBLEMS)
    assert np.isfinite(law.log_prob(draws)).all()


@every(PROBLEMS)
def test_numpyro_contract(problem: Problem) -> None:
    law = problem.make()
    event = law.event_shape
    assert law.sample(jax.random.key(0)).shape == event
    draws = law.sample(jax.random.key(0), (3, 2))
    assert draws.shape == (3, 2, *event)
    assert law.support(draws).all()
    reference = law.log_prob(draws)
    assert reference.shape == (3, 2)

    batch = problem.law(**{name: jnp.full((4, 1), value) for name, value in problem.parameters.items()})
    assert batch.batch_shape == (4, 1)
    assert batch.sample(jax.random.key(0), (5,)).shape == (5, 4, 1, *event)
    assert law.expand((6,)).log_prob(draws[0, 0]).shape == (6,)
    assert law.expand((6,)).to_event(1).event_shape == (6, *event)

    leaves, structure = jax.tree.flatten(law)
    np.testing.assert_array_equal(jax.tree.unflatten(structure, leaves).log_prob(draws), reference)
    np.testing.assert_allclose(jax.jit(lambda one: one.log_prob(draws))(law), reference, rtol=1e-13)
    by_vmap = jax.vmap(lambda one, x: one.log_prob(x), in_axes=(0, None))(batch, draws)
    np.testing.assert_allclose(by_vmap[0, 0], reference[0], rtol=1e-13)


@every([problem for problem in PROBLEMS if "extreme" not in problem.name])
def test_float32_follows_the_input(problem: Problem) -> None:
    """About a centre of zero, where single precision can express the data at all."""
    parameters = {**problem.parameters, **({"centre": 0.0} if "centre" in problem.parameters else {})}
    values = np.asarray(problem.law(**parameters).sample(jax.random.key(2), (50,)))
    single = problem.law(**{name: jnp.float32(value) for name, value in parameters.items()})
    got = single.log_prob(jnp.asarray(values, dtype=jnp.float32))
    assert got.dtype == jnp.float32
    exact = np.asarray(problem.law(**parameters).log_prob(values))
    np.testing.assert_allclose(got, exact, atol=3e-5 * (1 + np.abs(exact).max()))


def test_outside_the_support() -> None:
    pair = jnp.array([[3.9, 4.1], [4.0, 4.0]])
    for law in (
        laws.GaussianPair(4.0, 0.1, validate_args=False),
        laws.OneSpeciesPair(4.0, 0.1, validate_args=False),
        laws.TwoSpeciesPair(4.0, 0.1, 0.2, validate_args=False),
    ):
        assert (law.log_prob(pair) == -jnp.inf).all()
        assert not law.support(pair).any()
    assert laws.WignerSurmise(1.0, validate_args=False).log_prob(jnp.array(-1.0)) == -jnp.inf


@pytest.mark.parametrize(
    ("law", "parameters"),
    [
        (laws.OneSpeciesPair, {"centre": 0.0, "sigma": -1.0}),
        (laws.TwoSpeciesDensity, {"centre": 0.0, "sigma_1": 1.0, "sigma_2": 0.0}),
        (laws.WignerSurmise, {"sigma_m": -1.0}),
    ],
)
def test_parameters_are_validated(law, parameters) -> None:
    with pytest.raises(ValueError, match="sigma"):
        law(**parameters, validate_args=True)


def test_pairs_have_unconstrained_coordinates() -> None:
    transform = biject_to(laws.descending_pair)
    free = jnp.array([[0.3, -1.2], [4.0, 2.0]])
    pair = transform(free)
    assert laws.descending_pair(pair).all()
    np.testing.assert_allclose(transform.inv(pair), free, rtol=1e-12)


def test_surmise_quantiles_invert_its_cdf() -> None:
    law = laws.WignerSurmise(0.3)
    q = jnp.array([1e-12, 0.1, 0.5, 1 - 1e-9])
    np.testing.assert_allclose(law.cdf(law.icdf(q)), q, rtol=1e-10)
    assert float(law.mean) == pytest.approx(np.sqrt(np.pi) * 0.3)
