"""Conditionals of many levels: against quadrature of exact joint laws, their own derivatives, and exact spectra."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import integrate, special, stats

from coulombfit.laws import GasLevels, MatrixLevels
from coulombfit.laws.matrix.conditionals import Potentials, information, log_conditionals, normal_scores
from coulombfit.laws.matrix.neighbours import Neighbourhood, count_near
from coulombfit.laws.matrix.repulsion import GAS, MATRIX, Repulsion
from simulators import ensembles

pytestmark = pytest.mark.usefixtures("float64")

CENTRES, WIDTHS = np.array([4.3, 4.1, 3.95]), np.array([0.1, 0.07, 0.13])
by_level = jax.jit(log_conditionals, static_argnums=0)
scores_of = jax.jit(normal_scores, static_argnums=0)
SPECTRA = np.array([[4.42, 4.13, 3.99], [4.25, 4.2, 3.7]])


def _joint(repulsion: Repulsion, c: np.ndarray, w: np.ndarray, beta: float) -> Callable[[np.ndarray], float]:
    """Ln of the joint law without its normaliser, written anew in NumPy."""

    def log(x: np.ndarray) -> float:
        value = -0.5 * float((((x - c) / w) ** 2).sum())
        for i in range(len(x)):
            for j in range(i + 1, len(x)):
                d = x[i] - x[j]
                z = d * (c[i] - c[j]) / (w[i] ** 2 + w[j] ** 2)
                value += beta * np.log(d) if repulsion is GAS else np.log(d) + np.log(special.ive(0, z)) + abs(z) - z
        return value

    return log


@pytest.mark.parametrize(("repulsion", "beta"), [(MATRIX, 1.0), (GAS, 1.0), (GAS, 2.5)])
def test_conditionals_are_those_of_the_joint_law(repulsion: Repulsion, beta: float) -> None:
    log = _joint(repulsion, CENTRES, WIDTHS, beta)
    law = Potentials(jnp.asarray(CENTRES), jnp.asarray(WIDTHS**2), jnp.asarray(beta))
    found = np.asarray(by_level(repulsion, law, Neighbourhood.of(SPECTRA, 2)))
    for run, x in enumerate(SPECTRA):
        ends = [x[0] + 2.0, *x, x[-1] - 2.0]
        for level in range(3):

            def along(value: float, x: np.ndarray = x, level: int = level) -> float:
                return np.exp(log(np.where(np.arange(3) == level, value, x)) - log(x))

            norm, _ = integrate.quad(along, ends[level + 2], ends[level], points=[x[level]], epsabs=0, epsrel=1e-11)
            assert found[level, run] == pytest.approx(-np.log(norm), abs=1e-8)


@pytest.mark.parametrize("repulsion", [MATRIX, GAS])
def test_scores_and_information_are_derivatives(repulsion: Repulsion) -> None:
    data = Neighbourhood.of(SPECTRA, 2)

    def by_run(numbers: jax.Array) -> jax.Array:
        return log_conditionals(repulsion, Potentials(numbers[:3], numbers[3:6], numbers[6]), data)

    numbers = jnp.asarray([*CENTRES, *WIDTHS**2, 1.3])
    law = Potentials(numbers[:3], numbers[3:6], numbers[6])
    value, scores, matrix = jax.jit(information, static_argnums=0)(repulsion, law, data)
    slopes = jax.jit(jax.jacfwd(by_run))(numbers)

    @jax.jit
    def both(numbers: jax.Array, rows: Neighbourhood) -> tuple[jax.Array, jax.Array]:
        def all_levels(numbers: jax.Array) -> jax.Array:
            return log_conditionals(repulsion, Potentials(numbers[:3], numbers[3:6], numbers[6]), rows)

        return all_levels(numbers), jax.jacfwd(all_levels)(numbers)

    assert float(value) == pytest.approx(float(by_run(numbers).sum()), abs=1e-12)
    # no polynomial at the ends, d^1.3, which costs digits
    np.testing.assert_allclose(scores, slopes.sum(axis=0), rtol=1e-8 if repulsion is MATRIX else 1e-6, atol=1e-7)
    # the information is the variance of the score of a level given the others: on a grid of places of each level
    wanted = np.zeros((7, 7))
    for x in SPECTRA:
        ends = np.array([x[0] + 1.2, *x, x[-1] - 1.2])
        for level in range(3):
            nodes, weights = np.polynomial.legendre.leggauss(60)
            low, high = ends[level + 2], ends[level]
            places = 0.5 * (high + low) + 0.5 * (high - low) * nodes
            moved = np.tile(x, (len(places), 1))
            moved[:, level] = places
            log_p, slope = (np.asarray(each[level]) for each in both(numbers, Neighbourhood.of(moved, 2)))
            mass = np.exp(log_p) * weights * 0.5 * (high - low)
            assert mass.sum() == pytest.approx(1.0, abs=1e-6)
            wanted += np.einsum("q,qa,qb->ab", mass, slope, slope)
    np.testing.assert_allclose(matrix, wanted, rtol=1e-5, atol=1e-4)


@pytest.mark.slow
def test_neighbours_far_off_are_expanded() -> None:
    centres = 3.0 + 0.25 * np.arange(40)[::-1]
    x = ensembles.perturbed(levels=centres, widths=0.1, runs=20, seed=1)
    law = Potentials(jnp.asarray(centres), jnp.full(40, 0.01), jnp.asarray(1.0))
    near = count_near(x)
    assert 4 <= near < 12
    for repulsion in (MATRIX, GAS):
        exact, expanded = (np.asarray(by_level(repulsion, law, Neighbourhood.of(x, k))) for k in (39, near))
        assert np.abs(exact - expanded).max() < 2e-3


@pytest.mark.slow
def test_normal_scores_are_normal() -> None:
    """Two levels, of which the law is exact; a wrong width is seen. False alarms 1e-3 each."""
    x = ensembles.perturbed(levels=[4.15, 4.0], widths=0.1, runs=2000, seed=2)
    law = Potentials(jnp.asarray([4.15, 4.0]), jnp.full(2, 0.01), jnp.asarray(1.0))
    scores = np.asarray(scores_of(MATRIX, law, Neighbourhood.of(x, 1)))
    wrong = np.asarray(scores_of(MATRIX, law._replace(variances=jnp.full(2, 0.0121)), Neighbourhood.of(x, 1)))
    for level in range(2):
        assert stats.kstest(scores[level], "norm").pvalue > 1e-3
    assert min(stats.kstest(wrong[level], "norm").pvalue for level in range(2)) < 1e-3


def test_normal_scores_far_out() -> None:
    """A lone level: its distance in widths, to either side, also where one tail is no number beside the other."""
    x = np.array([[4.0], [4.2], [3.5], [4.75]])
    law = Potentials(jnp.asarray([4.0]), jnp.asarray([0.01]), jnp.asarray(1.0))
    scores = np.asarray(scores_of(MATRIX, law, Neighbourhood.of(x, 3)))[0]
    np.testing.assert_allclose(scores, [0.0, 2.0, -5.0, 7.5], atol=5e-3)  # tails end at 8


def test_a_pair_of_one_width_has_its_joint_law_from_conditionals() -> None:
    """Ln p(x₁, x₂) and the two conditionals have the same derivatives along x₁ and x₂: Rice and Gaussian."""
    c, sigma = np.array([4.15, 4.0]), 0.1

    def joint(x: np.ndarray) -> float:
        total, spacing, split = x.sum() - c.sum(), x[0] - x[1], c[0] - c[1]
        rice = stats.rice.logpdf(spacing, split / (np.sqrt(2) * sigma), scale=np.sqrt(2) * sigma)
        return float(stats.norm.logpdf(total, scale=np.sqrt(2) * sigma) + rice)

    law = MatrixLevels(c, np.full(2, sigma))
    start = np.array([4.2, 3.95])
    for level, step in ((0, 0.07), (1, -0.04)):
        moved = start + step * (np.arange(2) == level)
        change = [np.asarray(law.conditionals(jnp.asarray(x[None])))[level, 0] for x in (start, moved)]
        assert change[1] - change[0] == pytest.approx(joint(moved) - joint(start), abs=1e-9)


def test_draws_of_the_matrix_law() -> None:
    """Means to second order: repelled by half of Eq. 7, ½σ²Σ1/Δ; the spacing of two is Rice's. z below 4."""
    law = MatrixLevels(jnp.asarray([5.0, 4.0, 2.0]), jnp.asarray([0.1, 0.1, 0.1]))
    x = np.asarray(law.sample(jax.random.key(3), (40_000,)))
    shift = 0.005 * np.array([1 + 1 / 3, -1 + 1 / 2, -1 / 3 - 1 / 2])
    assert (np.abs(x.mean(axis=0) - [5.0, 4.0, 2.0] - shift) < 4 * 0.1 / 200).all()
    assert (np.diff(x, axis=1) < 0).all()
    pair = np.asarray(MatrixLevels(jnp.asarray([4.1, 4.0]), jnp.full(2, 0.1)).sample(jax.random.key(4), (20_000,)))
    rice = stats.rice(0.1 / (np.sqrt(2) * 0.1), scale=np.sqrt(2) * 0.1)
    assert stats.kstest(pair[:, 0] - pair[:, 1], rice.cdf).pvalue > 1e-3


@pytest.mark.parametrize("law", [MatrixLevels, GasLevels])
def test_units_origin_and_order(law: type) -> None:
    @jax.jit
    def log_prob(unit: float, x: jax.Array) -> jax.Array:
        return law(unit * (CENTRES - 3.0), unit * WIDTHS, validate_args=False).log_prob(unit * (x - 3.0))

    value = np.asarray(log_prob(1.0, SPECTRA))
    assert value.shape == (2,)
    np.testing.assert_allclose(log_prob(1e9, SPECTRA), value - 3 * np.log(1e9), atol=1e-6)
    np.testing.assert_array_equal(log_prob(1.0, SPECTRA[:, ::-1]), -np.inf)
    assert float(law(CENTRES, WIDTHS).log_prob(SPECTRA[0])) == pytest.approx(value[0], abs=1e-9)
    slope = jax.jit(jax.grad(lambda x: log_prob(1.0, x).sum()))(jnp.asarray(SPECTRA))
    assert np.isfinite(slope).all()


def test_arguments_are_refused() -> None:
    with pytest.raises(ValueError, match=r"centres: expected one number a cluster, shape \(K,\), got shape \(\)"):
        MatrixLevels(4.0, 0.1)
    with pytest.raises(ValueError, match=r"widths: expected 2, one a centre, got shape \(3,\)"):
        MatrixLevels([4.0, 3.0], [0.1, 0.1, 0.1])
    with pytest.raises(ValueError, match="sizes: expected 2 whole numbers above 0"):
        GasLevels([4.0, 3.0], [0.1, 0.1], (1, 0))
