"""The law of the spacing of levels that need not be degenerate, and its Bessel functions."""

from functools import cache

import jax
import jax.numpy as jnp
import mpmath as mp
import numpy as np
import pytest
from scipy import stats

from coulombfit import laws
from coulombfit.laws.pair.rice import log_i0e, mean_cosine, rice_moments
from tests.laws import exact

pytestmark = pytest.mark.usefixtures("float64")

SPLITS = (0.0, 1e-6, 0.3, 1.0, 5.0, 20.0, 1e4)
LEVEL = 1e-3 / 8


@cache
def compiled(what: str):
    """A function of δ, σ and six values or ten: compiled once for all splits."""
    return jax.jit(lambda split, sigma, x: getattr(laws.RiceSpacing(split, sigma), what)(x))


def test_bessel_function_and_its_derivatives() -> None:
    """To 1e-13, from nothing to 10⁸; the second derivative to 1e-11."""
    z = np.array([0.0, 1e-12, 1e-3, 0.7, 3.0, 7.9, 8.1, 24.9, 25.1, 300.0, 1e8])
    got = [np.asarray(jax.jit(jax.vmap(f))(z)) for f in (log_i0e, jax.grad(log_i0e), jax.grad(jax.grad(log_i0e)))]
    with mp.workdps(40):
        for k, at in enumerate(map(mp.mpf, z)):
            ratio = mp.besseli(1, at) / mp.besseli(0, at)
            second = 1 - (ratio / at if at else mp.mpf(1) / 2) - ratio**2
            expected = mp.log(mp.besseli(0, at)) - at, ratio - 1, second
            for values, value, rtol in zip(got, expected, (4e-14, 4e-13, 1e-11), strict=True):
                assert abs(values[k] - value) <= rtol * abs(value) + 1e-16, (at, values[k], value)


@pytest.mark.parametrize("split", SPLITS)
def test_density_and_probability_agree_with_mpmath(split: float) -> None:
    """To 1e-11 relative down to the smallest probabilities, also of the upper tail's complement."""
    centre = max(split, 0.5)
    asked = (1e-9, 1e-3, 0.4, split - 30, split - 8, split - 2, centre, split + 0.7, split + 3, split + 30)
    s = np.array([x if x > 0 else centre for x in asked])
    density, cdf = (np.asarray(compiled(what)(split, 1.0, s)) for what in ("log_prob", "cdf"))
    with mp.workdps(40):
        for k, at in enumerate(map(mp.mpf, s)):
            d = mp.mpf(split)
            assert (
                abs(density[k] - mp.log(exact.rice(at, d, mp.mpf(1)))) < 1e-12 * max(1, abs(density[k])) + 4e-16 * split
            )
            low = max(mp.mpf(0), min(at, d) - 14 - max(0, (d - at)))
            breaks = [low + (at - low) * j / 40 for j in range(41)]
            if density[k] < -600:
                assert cdf[k] < 1e-250 or cdf[k] == 1
                continue
            whole = exact.integral(lambda t, d=d: exact.rice(t, d, mp.mpf(1)), breaks, 3)
            assert abs(cdf[k] / whole - 1) < 1e-11 + 4e-16 * split * 30, (at, cdf[k], whole)


@pytest.mark.parametrize("split", SPLITS)
def test_quantiles_invert_the_probability(split: float) -> None:
    q = np.array([1e-300, 1e-12, 0.02, 0.5, 0.9, 1 - 1e-9, 0.0, 1.0, np.nan, 1.1])
    found = compiled("icdf")(split, 0.7, q)
    np.testing.assert_array_equal(found[6:], [0.0, np.inf, np.nan, np.nan])
    rtol = np.where(q[:6] < 1e-200, 1e-9, 1e-11) + 1e-15 * split * 40
    s = np.concatenate([found[:6], [-1.0, 0.0, np.inf, 1.0]])
    again = np.asarray(compiled("cdf")(split, 0.7, s))
    assert (np.abs(again[:6] / q[:6] - 1) < rtol).all()
    np.testing.assert_array_equal(again[6:9], [0.0, 0.0, 1.0])


def test_derivatives_of_probabilities_and_quantiles() -> None:
    """By central differences; in the split, the width and the spacing."""
    at, step = (0.9, 0.7, 1.3), 1e-5

    def cdf(split, sigma, s):
        return laws.RiceSpacing(split, sigma).cdf(s)

    def icdf(split, sigma, q):
        return laws.RiceSpacing(split, sigma).icdf(q)

    for function, point in ((jax.jit(cdf), at), (jax.jit(icdf), (0.9, 0.7, 0.3))):
        got = jax.jit(jax.grad(function, (0, 1, 2)))(*point)
        for k in range(3):
            moved = [float(function(*(p + sign * step * (j == k) for j, p in enumerate(point)))) for sign in (1, -1)]
            assert float(got[k]) == pytest.approx((moved[0] - moved[1]) / (2 * step), rel=1e-7)
    assert float(jax.jit(jax.grad(cdf))(0.0, 0.7, 1.3)) == 0.0


def test_no_split_is_the_surmise() -> None:
    s = np.array([1e-6, 0.1, 0.3, 0.7, 1.0, 1.4, 2.0, 4.0, 9.0, 20.0])
    rice, surmise = laws.RiceSpacing(0.0, 0.7), laws.WignerSurmise(0.7)
    np.testing.assert_allclose(compiled("log_prob")(0.0, 0.7, s), surmise.log_prob(s), rtol=1e-14)
    np.testing.assert_allclose(compiled("cdf")(0.0, 0.7, s), surmise.cdf(s), rtol=1e-13)
    np.testing.assert_allclose([rice.mean, rice.variance], [surmise.mean, surmise.variance], rtol=1e-14)


SLOPE = jax.jit(jax.grad(lambda d: rice_moments(d, 0.5)[0]))


@pytest.mark.parametrize("split", [0.0, 1e-3, 1.0, 10.0, 14.1, 14.2, 20.0, 1e3, 1e7])
def test_moments_agree_with_mpmath(split: float) -> None:
    """Also the variance of far levels, 2σ², which is left of δ² − ⟨S⟩²; and ⟨cos θ⟩."""
    mean, variance = jax.jit(rice_moments)(split, 0.5)
    with mp.workdps(60):
        d, sigma = mp.mpf(split), mp.mpf(1) / 2
        y = d**2 / (8 * sigma**2)
        i0, i1 = (mp.besseli(k, y) * mp.exp(-y) for k in (0, 1))
        expected = mp.sqrt(mp.pi) * sigma * ((1 + 2 * y) * i0 + 2 * y * i1)
        cosine = mp.sqrt(mp.pi) * d / (4 * sigma) * (i0 + i1)
        rest = 4 * sigma**2 + d**2 - expected**2
    assert float(mean) == pytest.approx(float(expected), rel=1e-14)
    assert float(variance) == pytest.approx(float(rest), rel=1e-11)
    assert float(jax.jit(mean_cosine)(split, 0.5)) == pytest.approx(float(cosine), rel=1e-13)
    assert float(SLOPE(split)) == pytest.approx(float(cosine), rel=1e-9)


@pytest.mark.parametrize("split", [0.0, 0.05, 0.3])
def test_sampler_fits_the_law(split: float) -> None:
    law = laws.RiceSpacing(split, 0.04)
    draws = np.asarray(law.sample(jax.random.key(3), (20_000,)))
    assert stats.kstest(np.asarray(law.cdf(jnp.asarray(draws))), "uniform").pvalue > LEVEL


def test_shapes_and_what_is_refused() -> None:
    law = laws.RiceSpacing(jnp.zeros((3, 1)), jnp.ones(2))
    assert law.batch_shape == (3, 2)
    calls = [(law.sample, jax.random.key(0), (4,)), (law.log_prob, jnp.ones((4, 3, 2)))]
    calls += [(law.cdf, jnp.ones((4, 1, 1))), (law.icdf, jnp.full((4, 1, 1), 0.5))]
    for function, first, *rest in calls:
        assert jax.eval_shape(lambda x, f=function, rest=rest: f(x, *rest), first).shape == (4, 3, 2)
    with pytest.raises(ValueError, match="split"):
        laws.RiceSpacing(-0.1, 1.0, validate_args=True)
    slopes = jax.jit(jax.grad(lambda s: laws.RiceSpacing(0.3, 1.0, validate_args=False).log_prob(s)))
    assert not np.isnan([slopes(-1.0), slopes(0.0)]).any()
