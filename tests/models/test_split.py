"""Models of levels that need not be degenerate: parameters, evenness, nesting, priors that are stated, warnings."""

import warnings

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
import pytest

import coulombfit as cf
from coulombfit.inference.log_posterior import log_posterior, represent
from coulombfit.models import MODELS, Standardisation
from coulombfit.numerics.compression import uncompressed
from coulombfit.runtime.precision import double_precision

NAMES = ("split-pair", "split-pair-two-widths")
each = pytest.mark.parametrize("name", NAMES)
quick_first = pytest.mark.parametrize("name", [NAMES[0], pytest.param(NAMES[1], marks=pytest.mark.slow)])


def pairs(split: float, runs: int, seed: int = 1) -> np.ndarray:
    with double_precision():
        return np.asarray(cf.laws.SplitPair(4.0, split, 0.04).sample(jax.random.key(seed), (runs,)))


@pytest.fixture(scope="module")
def fitted() -> cf.Fit:
    return cf.fit(pairs(0.12, 200), "split-pair")


@pytest.mark.slow
@quick_first
def test_the_posterior_is_even_and_smooth_in_what_turns(name: str) -> None:
    """Value, gradient and second derivatives at a point and at its image; also where the split is zero."""
    model = MODELS[name]
    pair = model.likelihood("pair")
    with double_precision():
        data, unit = pairs(0.05, 12), Standardisation(4.0, 0.05)
        density, names = log_posterior(model, pair)
        start, mirrored = model.start(pair)
        axes = np.atleast_1d(mirrored)
        assert [names[k] for k in axes] == [model.even_in, *model.turning_with]
        assert start[axes[0]] == 0.5
        weighted = uncompressed(pair.terms(data, unit))
        one = jax.jit(
            lambda z: (density(z, weighted, unit), *(f(density)(z, weighted, unit) for f in (jax.grad, jax.hessian)))
        )
        for split in (0.4, 0.0):
            point = np.linspace(0.1, 0.3, len(names))
            point[axes[0]] = split
            image = np.where(np.isin(np.arange(len(names)), axes), -point, point)
            (value, slope, bend), (other, image_slope, image_bend) = one(point), one(image)
            sign = np.where(np.isin(np.arange(len(names)), axes), -1.0, 1.0)
            np.testing.assert_allclose(value, other, rtol=1e-12)
            np.testing.assert_allclose(slope, sign * image_slope, rtol=1e-8, atol=1e-8)
            np.testing.assert_allclose(bend, np.outer(sign, sign) * image_bend, rtol=1e-7, atol=1e-7)
            step = 1e-4 * (np.arange(len(names)) == axes[0])
            across = (one(point + step)[0] - 2 * value + one(point - step)[0]) / 1e-8
            np.testing.assert_allclose(bend[axes[0], axes[0]], across, rtol=1e-4, atol=1e-3)


@pytest.mark.slow
@each
def test_a_split_of_zero_is_the_model_at_the_edge_with_its_priors(name: str) -> None:
    """So that the posterior over the prior density at the edge is a ratio of evidences."""
    model = MODELS[name]
    other = MODELS[model.at_edge]
    likelihood = model.likelihoods[0]
    mine, its = model.sites(likelihood), other.sites(likelihood)
    assert mine.keys() - its.keys() == {model.even_in}
    with double_precision():
        points = {site: jnp.array([0.3, 0.7]) for site in its}
        for site, prior in its.items():
            np.testing.assert_array_equal(prior.log_prob(points[site]), mine[site].log_prob(points[site]))
        unit, data = Standardisation(4.0, 0.05), pairs(0.0, 5)[:, None]
        laws = [
            one.pair(one.parameters(points | {str(model.even_in): jnp.zeros(2)}, unit)).log_prob(data)
            for one in (model, other)
        ]
        np.testing.assert_allclose(laws[0], laws[1], rtol=1e-11)


def test_the_upper_level_has_the_first_width() -> None:
    """Either may be the wider; to call the upper level the lower one is the same hypothesis."""
    model, unit = MODELS["split-pair-two-widths"], Standardisation(4.0, 0.1)
    sites = {"centre": jnp.zeros(2), "sigma_m": jnp.ones(2), "signed_split": jnp.array([2.0, -2.0])}
    found = model.parameters(sites | {"q": jnp.array([-0.5, 0.5])}, unit)
    assert (found["sigma_1"] < found["sigma_2"]).all()
    np.testing.assert_allclose(found["sigma_1"][0], found["sigma_1"][1])
    np.testing.assert_allclose(found["split"], 0.2)
    assert "upper" in model.reports[2].html
    assert "upper" in str(type(model).__doc__)


@pytest.mark.slow
@pytest.mark.parametrize("likelihood", ["pair", "spacing"])
@pytest.mark.parametrize("split", [pytest.param(0.0, marks=pytest.mark.slow), 0.1, 1.5])
def test_compressed_observations_stand_for_all(likelihood: str, split: float) -> None:
    model, data = MODELS["split-pair"], cf.Spectra(pairs(split, 5000))
    seen = model.likelihood(likelihood)
    observations = model.observe(data, seen)
    unit = model.unit(observations, seen)
    with double_precision():
        found = represent(model, seen, observations, unit)
        density, _ = log_posterior(model, seen)
        assert found.weighted.size <= 300
        assert found.error <= 0.01
        whole = uncompressed(seen.terms(observations, unit))
        points = found.peak.centre + np.array([[0.0], [0.02], [-0.02]])
        both = jax.jit(lambda z: [density(z, one, unit) for one in (found.weighted, whole)])
        differences = [float(np.subtract(*both(point))) for point in points]
    np.testing.assert_allclose(differences, 0.0, atol=0.02)


@pytest.mark.slow
def test_a_fit_reports_and_recovers(fitted: cf.Fit) -> None:
    table = fitted.table()
    assert list(table.index) == ["centre", "split", "sigma"]
    truth = np.array([4.0, 0.12, 0.04])
    assert (np.abs(table["mean"] - truth) < 4 * table["sd"]).all()
    assert "split ~ HalfNormal(sd " in fitted.summary()
    assert "split = 0" not in fitted.summary()


@pytest.mark.slow
def test_savage_dickey_at_the_edge_is_the_ratio_of_evidences() -> None:
    data = pairs(0.0, 100)
    fits = {name: cf.fit(data, name) for name in ("split-pair", "one-species")}
    found = cf.evidence(fits)
    assert found.factors("one-species", "split-pair")[0] == pytest.approx(cf.savage_dickey(fits["split-pair"]), abs=0.2)
    assert {"split sd × 1/2", "split sd × 2"} <= set(found.sensitivity.columns)
    assert found.sensitivity.loc["one-species", "split sd × 2"] == 0.0
    # a prior twice as wide has half the density at zero, and nothing is gained elsewhere
    assert -0.75 < found.sensitivity.loc["split-pair", "split sd × 2"] < -0.4
    assert "the data do not exclude split = 0" in fits["split-pair"].summary()
    with pytest.raises(ValueError, match="fit: expected one with parameter r or split, got 'one-species'"):
        cf.savage_dickey(fits["one-species"])


@pytest.mark.slow
def test_levels_that_are_no_degenerate_pair_are_doubted_where_they_have_to_be_one() -> None:
    far = pairs(0.5, 40)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fit = cf.fit(far, "split-pair")
    assert not fit.record.data.doubt
    assert "doubtful" not in fit.summary()
    with pytest.warns(UserWarning, match="do not look like a degenerate pair"):
        cf.fit(far, "one-species")


@pytest.mark.slow
def test_priors_and_values_of_the_split_are_stated_in_units_of_the_data() -> None:
    model, unit = MODELS["split-pair"], Standardisation(4.0, 0.05)
    pair = model.likelihood("pair")
    with double_precision():
        way = model.informed({"split": dist.HalfNormal(0.1)}).site_priors(pair)["signed_split"]
        sites = way.sample(jax.random.key(0), (20_000,), unit)
        assert float(jnp.abs(sites).mean() * unit.scale) == pytest.approx(0.1 * np.sqrt(2 / np.pi), rel=0.03)
        assert abs(float(sites.mean())) < 0.1
        site, log_prior = way.at(jnp.array(0.7), unit)
        assert float(log_prior) == pytest.approx(float(dist.Normal(0.0, 0.1).log_prob(site * 0.05) + np.log(0.05)))
        known = model.informed(fixed={"split": 0.2})
        sites = known.from_coordinates(jnp.zeros((1, 2)), pair, unit)
        assert float(known.parameters(sites, unit)["split"][0]) == pytest.approx(0.2)
        assert known.start(pair)[1] is None
    for wrong in (dist.Normal(0.0, 1.0), dist.Uniform(0.1, 0.2)):
        with pytest.raises(ValueError, match="priors: expected a law of split from 0 on, as HalfNormal"):
            model.informed({"split": wrong}).site_priors(pair)
    with pytest.raises(ValueError, match=r"fixed: expected split from 0 on, got -0\.1"):
        model.informed(fixed={"split": -0.1}).site_priors(pair)


@pytest.mark.slow
def test_moments_are_those_of_the_law() -> None:
    """Of 200 000 pairs, to five standard errors of about 1 %."""
    for name, parameters in (
        ("split-pair", {"centre": 4.0, "split": 0.1, "sigma": 0.04}),
        ("split-pair-two-widths", {"centre": 4.0, "split": 0.1, "sigma_1": 0.02, "sigma_2": 0.05}),
    ):
        if "sigma_1" in parameters:
            parameters["sigma_m"] = np.sqrt((0.02**2 + 0.05**2) / 2)
        model = MODELS[name]
        with double_precision():
            law = {site: jnp.asarray(value) for site, value in parameters.items()}
            ratio, binder = model.moments(law)
            x = np.asarray(model.pair(law).sample(jax.random.key(2), (200_000,))) - 4.0
        square = np.mean((x[:, 0] - x[:, 1]) ** 2)
        assert ratio == pytest.approx(np.mean(x**2) / square, rel=0.01)
        assert binder == pytest.approx(np.mean(x**4) / (3 * np.mean(x**2) ** 2) - 1, abs=0.01)
