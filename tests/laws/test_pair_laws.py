"""Laws against exact answers: values, derivatives, quantiles and moments."""

import jax.numpy as jnp
import mpmath as mp
import numpy as np
import pytest

from coulombfit import laws
from tests.laws.evaluation import (
    EPS,
    REPRESENTATIVES,
    against_mpmath,
    compiled,
    derivatives,
    every,
    log_prob,
    parameters_of,
)
from tests.laws.problems import DENSITIES, DIGITS, PAIR_LAWS, PROBLEMS, Problem, named

pytestmark = pytest.mark.usefixtures("float64")


@against_mpmath(PROBLEMS)
def test_density_agrees_with_mpmath(problem: Problem) -> None:
    """To 1e-12 relative wherever float64 can represent the density, and in the logarithm beyond."""
    got = log_prob(problem, problem.points)
    with mp.workdps(DIGITS):
        exact = [mp.log(problem.exact(point)) for point in problem.points]
        errors = np.array([float(abs(mp.mpf(float(g)) - e)) for g, e in zip(got, exact, strict=True)])
        size = np.array([float(abs(e)) for e in exact])
    representable = size < 745
    assert representable.sum() >= 7
    np.testing.assert_array_less(errors[representable], 1e-12)
    np.testing.assert_array_less(errors[~representable], 8 * EPS * size[~representable] + 1e-12)


def natural_units(problem: Problem, point) -> np.ndarray:
    """What a change of each argument is measured by: δx, the largest of them for the centre, and the widths."""
    offsets = np.abs(np.atleast_1d(point) - problem.centre)
    return np.array([*offsets, *([offsets.max()] if "centre" in problem.parameters else []), *problem.widths])


def rounding(problem: Problem, point) -> np.ndarray:
    """By how much the exact derivatives change as each δx and width is rounded."""
    slopes = np.array(problem.slopes(point))
    change = 0 * slopes
    with mp.workdps(DIGITS):
        for i, offset in enumerate(np.atleast_1d(point)):
            moved = list(np.atleast_1d(point).astype(object))
            moved[i] = mp.mpf(float(offset)) + EPS * (mp.mpf(float(offset)) - problem.centre)
            change += abs(np.array(problem.slopes(moved)) - slopes)
    return change.astype(float)


def check_gradients(problem: Problem, points) -> None:
    """To 1e-9, and to a much smaller part of the largest component, in natural units.

    The latter is for components that are small by cancellation: at the centre of a pair or of a flat density, or
    of the narrow width far out. It is 1e-13 but for the sums over an angle, whose remainder is below 1e-10.
    """
    small = 1e-10 if problem.name.startswith("anisotropic") else 1e-13
    got = derivatives(problem, problem.points)
    for point in points:
        exact = np.array([float(slope) for slope in problem.slopes(point)])
        units = natural_units(problem, point)
        error = np.abs(got[problem.points.index(point)] - exact)
        allowed = 1e-9 * np.abs(exact) + small * np.abs(exact * units).max() / np.maximum(units, 1e-300)
        if (error > allowed).any():
            # δx₁ = −δx₂ = 40σ₁: which labelling weighs more is the rounding of exponents up to 8e8
            assert problem.name.startswith("two-species pair")
            assert point == problem.points[2]
            allowed += 4 * rounding(problem, point) + EPS * 8e8 * np.abs(exact)
        np.testing.assert_array_less(error, allowed + 1e-300)


@against_mpmath([problem for problem in PROBLEMS if problem.name != "anisotropic density, exchanged"])
def test_gradients_agree_with_mpmath(problem: Problem) -> None:
    """In every parameter and coordinate at 20 points of every case; the costly law has 5, and 20 below."""
    assert np.isfinite(derivatives(problem, problem.points)).all()
    check_gradients(problem, problem.points[1::4] if problem.law is laws.AnisotropicDensity else problem.points)


@pytest.mark.long
@every([problem for problem in PROBLEMS if problem.law is laws.AnisotropicDensity])
def test_gradients_of_the_anisotropic_density_agree_with_mpmath_everywhere(problem: Problem) -> None:
    check_gradients(problem, problem.points)


def curvature(problem: Problem, points) -> np.ndarray:
    names = list(problem.parameters)
    values, parameters = compiled(problem.law, "log_prob", 2)(parameters_of(problem), jnp.asarray(points, float))
    n = len(points)
    xx = np.asarray(values[0]).reshape(n, -1)
    d = round(np.sqrt(xx.shape[1]))
    xp = np.stack([np.asarray(values[1][name]).reshape(n, d) for name in names], axis=-1)
    pp = np.array([[parameters[a][1][b] for b in names] for a in names]).transpose(2, 0, 1)
    return np.block([[xx.reshape(n, d, d), xp], [xp.transpose(0, 2, 1), pp]])


@pytest.mark.slow
@every([*REPRESENTATIVES, named("anisotropic density, equal"), named("anisotropic pair, equal")])
def test_second_derivatives_agree_with_mpmath(problem: Problem) -> None:
    """All of them, mixed ones too, at a generic point and where |δx|, |R| or |σ₁ − σ₂| is exactly zero."""
    one_dimensional = problem in DENSITIES
    points = (problem.points[16], problem.points[10]) if one_dimensional else (problem.points[3], problem.points[0])
    points = (points[0], 4.0 if "density" in problem.name else points[1])
    if problem.law is laws.AnisotropicDensity:  # costly, and the tie with all of its zeros is the harder case
        points = points[:1] if problem.widths[0] > problem.widths[1] else points[1:]
    for point, got in zip(points, curvature(problem, points), strict=True):
        exact = np.array(problem.curvatures(point))
        units = np.maximum(natural_units(problem, point), 0.5 * min(problem.widths))
        scale = np.abs(exact * units[:, None] * units).max() / (units[:, None] * units)
        np.testing.assert_array_less(np.abs(got - exact), 1e-9 * np.abs(exact) + 1e-10 * scale)


@pytest.mark.parametrize("what", ["density", "pair"])
def test_anisotropic_laws_are_the_one_species_laws_where_widths_are_equal(what: str) -> None:
    """Value and gradient at the tie σ₁ = σ₂, where each width has half of the derivative in the one width."""
    one, two = named(f"one-species {what}"), named(f"anisotropic {what}, equal")
    np.testing.assert_allclose(log_prob(two, one.points), log_prob(one, one.points), rtol=1e-13, atol=1e-13)
    expected, got = derivatives(one, one.points), derivatives(two, one.points)
    scale = 1e-12 * np.abs(expected).max(axis=1, keepdims=True)
    np.testing.assert_array_less(np.abs(got[:, :-2] - expected[:, :-1]), 1e-12 * np.abs(expected[:, :-1]) + scale)
    np.testing.assert_allclose(got[:, -2], expected[:, -1] / 2, rtol=1e-12)
    np.testing.assert_allclose(got[:, -1], expected[:, -1] / 2, rtol=1e-12)


TWO_WIDTHS = [laws.TwoSpeciesPair, laws.TwoSpeciesDensity, laws.AnisotropicPair, laws.AnisotropicDensity]


@pytest.mark.parametrize("law", TWO_WIDTHS)
def test_exchange_of_widths_changes_nothing(law: type) -> None:
    a, b = (next(p for p in PROBLEMS if p.law is law and p.name.endswith(name)) for name in ("unequal", "exchanged"))
    np.testing.assert_allclose(log_prob(a, a.points), log_prob(b, a.points), rtol=1e-14)


# Probabilities from the smallest float64 has with all its digits.
TAILS = (1e-300, 1e-20, 1e-3, 0.3)


@against_mpmath(DENSITIES)
def test_cdf_and_quantiles_agree_with_mpmath(problem: Problem) -> None:
    """With relative precision in the lower tail; a quantile to what an ulp of x makes of its probability."""
    parameters = parameters_of(problem)
    quantiles = np.asarray(compiled(problem.law, "icdf")(parameters, jnp.array(TAILS)))
    upper = problem.centre + np.array([0.05, 0.9, 3, 40]) * problem.scale
    points = np.concatenate([quantiles, upper])
    got = np.asarray(compiled(problem.law, "cdf")(parameters, jnp.asarray(points)))
    exact = np.array([problem.exact_cdf(x) for x in points])
    np.testing.assert_allclose((got / exact).astype(float), 1, rtol=1e-11)
    ulp = np.array([problem.exact(x) * np.spacing(x) for x in quantiles]) / exact[:4]
    errors = np.abs(exact[:4] / np.array([mp.mpf(q) for q in TAILS]) - 1)
    np.testing.assert_array_less(errors.astype(float), 1e-11 + 2 * ulp.astype(float))


@every(DENSITIES)
def test_quantiles_invert_the_cdf_and_are_mirrored(problem: Problem) -> None:
    parameters = parameters_of(problem)
    q = jnp.array([1e-12, 0.02, 0.5, 0.9, 1 - 1e-9])
    x = compiled(problem.law, "icdf")(parameters, q)
    np.testing.assert_allclose(compiled(problem.law, "cdf")(parameters, x), q, rtol=1e-11)
    ends = np.asarray(compiled(problem.law, "icdf")(parameters, jnp.array([0.0, 1.0, 0.5, jnp.nan])))
    lowest, middle = (0.0, 2 * np.sqrt(np.log(2)) * 0.03) if problem.name == "surmise" else (-np.inf, 4.0)
    np.testing.assert_allclose(ends, [lowest, np.inf, middle, np.nan], rtol=1e-15)
    np.testing.assert_array_equal(compiled(problem.law, "cdf")(parameters, jnp.array([-jnp.inf, jnp.inf])), [0, 1])
    if problem.name != "surmise":
        np.testing.assert_allclose(x[1] + compiled(problem.law, "icdf")(parameters, 1 - q[1:2])[0], 8, rtol=1e-15)


@pytest.mark.one_by_default
@every([p for p in DENSITIES if "exchanged" not in p.name])
def test_derivatives_of_quantiles_are_those_of_the_implicit_function(problem: Problem) -> None:
    """∂x/∂q = 1/ρ, ∂x/∂p = −(∂F/∂p)/ρ; also in the upper tail and at q = ½."""
    q = (1e-20 if problem.name == "surmise" else 1e-300, 0.2, 0.5, 0.97)
    x = np.asarray(compiled(problem.law, "icdf")(parameters_of(problem), jnp.array(q)))
    got, of_cdf = derivatives(problem, q, "icdf"), derivatives(problem, x, "cdf")
    for i, point in enumerate(x):
        density, *slopes = problem.slopes(point, "cdf")
        expected = np.array([float(v) for v in (1 / density, *(-slope / density for slope in slopes))])
        # one ulp of x changes it by as much
        rtol = 1e-10 + 4 * float(np.spacing(point) / (abs(point - problem.centre) + problem.scale)) * 1400
        np.testing.assert_allclose(got[i], expected, rtol=rtol, atol=1e-10)
        np.testing.assert_allclose(of_cdf[i], [float(v) for v in (density, *slopes)], rtol=rtol, atol=1e-10)


@every(PROBLEMS)
def test_mean_and_variance(problem: Problem) -> None:
    mean, variance = compiled(problem.law, "moments")(parameters_of(problem))
    assert mean.shape == variance.shape == problem.make().event_shape
    if problem in PAIR_LAWS:
        expected = problem.centre + np.array([0.5, -0.5]) * problem.mean_spacing
        np.testing.assert_allclose(mean, expected, rtol=1e-15)
        # of each level; its distance from the centre adds to the variance of one picked at random
        np.testing.assert_allclose(variance, problem.variance - problem.mean_spacing**2 / 4, rtol=1e-13)
    else:
        expected = problem.centre if "density" in problem.name else np.sqrt(np.pi) * 0.03
        assert float(mean) == pytest.approx(expected, rel=1e-15)
        assert float(variance) == pytest.approx(problem.variance, rel=1e-13)
