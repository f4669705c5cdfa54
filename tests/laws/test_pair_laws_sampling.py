"""Samplers of laws against their densities and against simulated ensembles."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import special, stats

from simulators import ensembles
from tests.laws.evaluation import QUICKLY, compiled, every, log_prob, parameters_of, sampler, some
from tests.laws.problems import DENSITIES, PAIR_LAWS, PROBLEMS, Problem, named

pytestmark = pytest.mark.usefixtures("float64")

# Chance that any one of the statistical tests here fails by luck; seeds are fixed, so it is spent once.
FALSE_ALARM = 1e-3
LEVEL = FALSE_ALARM / 40  # there are fewer than 40 p-values
SIGMAS = stats.norm.isf(LEVEL / 2)

MODERATE = [problem for problem in PROBLEMS if "extreme" not in problem.name]


def draw(problem: Problem, runs: int, seed: int) -> np.ndarray:
    return np.asarray(sampler(problem.law, (runs,))(parameters_of(problem), seed))


@every(DENSITIES)
def test_sampler_of_a_density_fits_it(problem: Problem) -> None:
    draws = draw(problem, 20_000, 11)
    cdf = np.asarray(compiled(problem.law, "cdf")(parameters_of(problem), jnp.asarray(np.sort(draws))))
    assert stats.kstest(cdf, "uniform").pvalue > LEVEL


def chi_square_of_pairs(problem: Problem, draws: np.ndarray) -> float:
    """P-value of counts in cells of (S, R) against the integral of exp(log_prob) over each cell."""
    centre, scale = problem.centre, problem.scale
    spacing, total = draws[:, 0] - draws[:, 1], draws.sum(axis=1) - 2 * centre
    s_edges, r_edges = np.linspace(0, 4.5 * scale, 13), np.linspace(-4 * scale, 4 * scale, 17)
    counts, *_ = np.histogram2d(spacing, total, bins=(s_edges, r_edges))
    nodes, weights = np.polynomial.legendre.leggauss(12)

    def panel(edges):
        half = np.diff(edges) / 2
        return (edges[:-1] + half)[:, None] + half[:, None] * nodes, half[:, None] * weights

    (s, ws), (r, wr) = panel(s_edges), panel(r_edges)
    s4, r4 = s[:, None, :, None], r[None, :, None, :]
    x = np.stack(np.broadcast_arrays(centre + (r4 + s4) / 2, centre + (r4 - s4) / 2), axis=-1)
    mass = np.einsum("abij,ai,bj->ab", np.exp(log_prob(problem, x)) / 2, ws, wr)
    expected = mass * len(draws)
    used = expected > 10
    observed, predicted = counts[used], expected[used]
    observed = np.append(observed, len(draws) - observed.sum())
    predicted = np.append(predicted, len(draws) - predicted.sum())
    return stats.chisquare(observed, predicted).pvalue


@every([problem for problem in PAIR_LAWS if problem in MODERATE])
def test_sampler_of_a_pair_fits_its_density(problem: Problem) -> None:
    draws = draw(problem, 100_000, 5)
    assert (draws[:, 0] > draws[:, 1]).all()
    assert chi_square_of_pairs(problem, draws) > LEVEL


def test_goodness_of_fit_notices_a_width_wrong_by_two_percent() -> None:
    problem = named("two-species pair, unequal")
    draws = draw(problem, 100_000, 5)
    assert chi_square_of_pairs(problem, 4 + (draws - 4) / 1.02) < LEVEL


@pytest.mark.parametrize("kind", ["one-species pair", "two-species pair, unequal"])
def test_simulated_ensembles_follow_the_laws(kind: str) -> None:
    """The simulators' samplers were written apart from the laws; one diagonalises random matrices."""
    if kind.startswith("one"):
        draws = ensembles.one_species(centre=4.0, sigma=0.04, runs=100_000, seed=3)
    else:
        draws = ensembles.two_species(centre=4.0, sigma_1=0.04, sigma_2=0.02, runs=100_000, seed=3)
    assert chi_square_of_pairs(named(kind), draws) > LEVEL


def test_extreme_widths_are_sampled() -> None:
    """σ₂/σ₁ = 1e-3: R given ±S is as narrow as σ₂; its standardised residual is a unit Gaussian."""
    problem = named("two-species pair, extreme")
    law, draws = problem.make(), draw(problem, 20_000, 7)
    spacing, total = draws[:, 0] - draws[:, 1], draws.sum(axis=1) - 8.0
    r, sd = float(law.asymmetry), np.sqrt(2) * 0.04 * 4e-5 / float(law.sigma_m)
    either = np.stack([total - r * spacing, total + r * spacing])
    residual = np.take_along_axis(either, np.abs(either).argmin(axis=0)[None], axis=0)[0]
    assert stats.kstest(residual / sd, "norm").pvalue > LEVEL
    assert np.isfinite(log_prob(problem, draws)).all()


@every([problem for problem in PAIR_LAWS if problem.name.startswith("anisotropic")])
def test_anisotropic_sampler_follows_its_conditionals(problem: Problem) -> None:
    """Rosenblatt: S by the surmise, R given S by the angular average of Gaussian CDFs, down to σ₂/σ₁ = 1e-3."""
    law, draws = problem.make(), draw(problem, 2000, 13)
    spacing, total = draws[:, 0] - draws[:, 1], draws.sum(axis=1) - 8.0
    sigma_m, r = float(law.sigma_m), float(law.asymmetry)
    angles = (np.arange(4000) + 0.5) * np.pi / 4000
    sd = np.sqrt(2) * np.prod(problem.widths) / sigma_m
    conditional = special.ndtr((total[:, None] - r * spacing[:, None] * np.cos(angles)) / sd).mean(axis=1)
    assert stats.kstest(-np.expm1(-((spacing / (2 * sigma_m)) ** 2)), "uniform").pvalue > LEVEL
    assert stats.kstest(conditional, "uniform").pvalue > LEVEL
    assert np.isfinite(log_prob(problem, draws)).all()


@some
def test_samples_are_differentiable_in_the_parameters(problem: Problem) -> None:
    """Draws are the centre plus what scales with the widths, and their squares have the variance's derivative."""
    law, parameters = problem.law, parameters_of(problem)
    assert law(**parameters).has_rsample

    def draws(parameters):
        return law(**parameters).rsample(jax.random.key(17), (20_000,))

    x, slopes = jax.jit(
        lambda parameters: (draws(parameters), jax.jacfwd(draws)(parameters)), compiler_options=QUICKLY
    )(parameters)
    x, slopes = np.asarray(x), {name: np.asarray(slope) for name, slope in slopes.items()}
    assert all(np.isfinite(slope).all() for slope in slopes.values())
    np.testing.assert_array_equal(slopes.get("centre", 1.0), 1.0)
    by_scale = sum(value * slopes[name] for name, value in problem.parameters.items() if name != "centre")
    np.testing.assert_allclose(by_scale, x - problem.centre, atol=1e-14)

    mean = np.asarray(law(**parameters).mean)
    expected = jax.jit(jax.jacfwd(lambda parameters: law(**parameters).variance.sum()))(parameters)
    for name in parameters.keys() - {"centre"}:
        terms = 2 * (x - mean) * slopes[name]
        terms = terms.sum(axis=tuple(range(1, terms.ndim)))
        assert terms.mean() == pytest.approx(float(expected[name]), abs=SIGMAS * terms.std() / np.sqrt(len(terms)))
