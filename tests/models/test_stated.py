"""Priors that the user gives, and parameters that are known: posteriors and evidence against quadrature."""

from collections.abc import Callable
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
import pytest
from scipy import integrate, stats

import coulombfit as cf
from coulombfit.models import MODELS, Standardisation
from coulombfit.models.site_priors import StatedPrior, sites_at
from coulombfit.models.stated import Stated
from simulators import ensembles

CENTRE = 4.0
RANGE = (0.01, 0.3)
PAIRS = ensembles.one_species(centre=CENTRE, sigma=0.05, runs=12, seed=4)


def log_likelihood(centre: float, sigma: float) -> float:
    """Of one species (Eq. 7 with N = 2)."""
    spacing = PAIRS[:, 0] - PAIRS[:, 1]
    squares = ((PAIRS - centre) ** 2).sum()
    norm = len(PAIRS) * (np.log(2.0 * np.sqrt(np.pi)) + 3.0 * np.log(sigma))
    return float(np.log(spacing).sum() - squares / (2.0 * sigma**2) - norm)


def moments(prior: Callable[[float], float]) -> tuple[float, float, float]:
    """Mean and sd of σ at the known centre, and the log evidence, for a prior density of σ in units of the data."""
    top = log_likelihood(CENTRE, 0.05)

    def weight(log_sigma: float, power: int) -> float:
        sigma = np.exp(log_sigma)
        return sigma ** (1 + power) * np.exp(log_likelihood(CENTRE, sigma) - top) * prior(sigma)

    zero, one, two = (
        integrate.quad(weight, *np.log(RANGE), (k,), points=np.log([0.045, 0.06]), limit=400)[0] for k in (0, 1, 2)
    )
    mean = one / zero
    return mean, float(np.sqrt(two / zero - mean**2)), float(np.log(zero) + top)


GIVEN = {
    "lognormal": (dist.LogNormal(np.log(0.03), 0.2), stats.lognorm(0.2, scale=0.03).pdf),
    "uniform": (dist.Uniform(0.045, 0.06), stats.uniform(0.045, 0.015).pdf),
    "gamma": (dist.Gamma(4.0, 100.0), stats.gamma(4.0, scale=0.01).pdf),
    "half normal": (dist.HalfNormal(0.02), stats.halfnorm(scale=0.02).pdf),
}


@pytest.mark.one_by_default
@pytest.mark.parametrize("name", GIVEN)
def test_given_priors_and_known_values_against_quadrature(name: str) -> None:
    prior, density = GIVEN[name]
    mean, sd, log_evidence = moments(density)
    fit = cf.fit(PAIRS, priors={"sigma": prior}, fixed={"centre": CENTRE}, sampler="laplace", seed=1)
    row = fit.table().loc["sigma"]
    assert row["mean"] == pytest.approx(mean, abs=0.1 * sd)
    assert row["sd"] == pytest.approx(sd, rel=0.06)
    assert fit.log_evidence == pytest.approx(log_evidence, abs=0.01)


@pytest.mark.slow
def test_priors_are_in_units_of_the_data() -> None:
    """Data and prior a hundred times as large: the same posterior, a hundred times as large."""
    priors = {"centre": dist.Normal(3.9, 0.02), "sigma": dist.LogNormal(np.log(0.03), 0.2)}
    one = cf.fit(PAIRS, priors=priors, sampler="laplace").table()
    larger = {"centre": dist.Normal(390.0, 2.0), "sigma": dist.LogNormal(np.log(3.0), 0.2)}
    other = cf.fit(100.0 * PAIRS, priors=larger, sampler="laplace").table()
    for name in ("centre", "sigma"):
        assert other.loc[name, "mean"] == pytest.approx(100 * one.loc[name, "mean"], rel=2e-3)
        assert other.loc[name, "sd"] == pytest.approx(100 * one.loc[name, "sd"], rel=0.05)


@pytest.mark.slow
def test_a_known_parameter_is_shown_and_not_sampled(tmp_path) -> None:
    fit = cf.fit(PAIRS, "two-species", fixed={"sigma_m": 0.05}, priors={"r": dist.Beta(1.0, 3.0)}, sampler="laplace")
    assert list(fit.tree["posterior"]) == ["centre", "sigma_1", "sigma_2", "r"]
    assert list(fit.tree["prior"]) == ["centre", "sigma_1", "sigma_2", "r"]
    assert fit.parameters["sigma_m"].shape == fit.parameters["r"].shape
    assert np.all(fit.parameters["mean_spacing"] == pytest.approx(np.sqrt(np.pi) * 0.05))
    summary = str(fit.summary())
    assert "sigma_m ~ known, 0.05" in summary
    assert "r ~ Beta(concentration1 1, concentration0 3), given" in summary
    assert fit.diagnosis.passed
    fit.save(tmp_path / "fit.nc")
    back = cf.Fit.load(tmp_path / "fit.nc")
    assert back.model == fit.model
    assert str(back.summary()) == summary
    cf.write_report(tmp_path / "report.html", fits={"two": back})
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "known, 0.05" in page
    assert "given" in page
    assert cf.predictive(back).answer is not None


@pytest.mark.slow
@pytest.mark.parametrize("likelihood", ["pair", "density", "spacing"])
def test_every_likelihood_takes_known_values(likelihood: str) -> None:
    """Of a known width nothing but the centre is left, and the other way round."""
    known = {"sigma": 0.05} if likelihood != "spacing" else {}
    fixed = {"centre": CENTRE} if likelihood != "spacing" else {}
    if known:
        fit = cf.fit(PAIRS, likelihood=likelihood, fixed=known, sampler="laplace")
        assert list(fit.table().index) == ["centre"]
        assert fit.table().loc["centre", "sd"] < 0.05
    else:
        fit = cf.fit(PAIRS, likelihood=likelihood, priors={"sigma": dist.Gamma(4.0, 100.0)}, sampler="laplace")
        assert fit.table().loc["sigma", "mean"] == pytest.approx(0.05, rel=0.3)
    if fixed:
        other = cf.fit(PAIRS, likelihood=likelihood, fixed=fixed, sampler="laplace")
        assert list(other.table().index) == ["sigma", "mean_spacing"]


@pytest.mark.long
def test_chains_agree_with_importance_sampling() -> None:
    asked = {"priors": {"r": dist.Uniform(0.0, 0.6)}, "fixed": {"centre": CENTRE}}
    one = cf.fit(PAIRS, "two-species", **asked, sampler="laplace").table()
    other = cf.fit(PAIRS, "two-species", **asked, sampling=cf.Sampling(chains=2, draws=1500)).table()
    assert (one["mean"] - other["mean"]).abs().max() < 0.1 * one["sd"].min() + 0.1 * one["sd"].max()
    assert one.loc["r", "upper"] < 0.6


@pytest.mark.slow
def test_many_fits_take_them_too() -> None:
    asked = {"priors": {"sigma": dist.LogNormal(-3.5, 0.2)}, "fixed": {"centre": CENTRE}, "sampler": "laplace"}
    many = cf.fit_many([PAIRS, PAIRS[:6]], **asked, seed=3)
    assert list(many.tree["posterior"]) == ["sigma", "mean_spacing"]
    one = cf.fit(PAIRS, **asked, seed=3).table()
    assert many.table.loc[("spectrum 0", "sigma"), "mean"] == one.loc["sigma", "mean"]


@pytest.mark.long
def test_given_priors_change_the_evidence_and_are_varied() -> None:
    narrow = cf.fit(PAIRS, priors={"sigma": dist.LogNormal(np.log(0.05), 0.1)}, sampler="laplace")
    gamma = cf.fit(PAIRS, priors={"sigma": dist.Gamma(4.0, 100.0)}, sampler="laplace")
    found = cf.evidence({"default": cf.fit(PAIRS, sampler="laplace"), "narrow": narrow, "gamma": gamma})
    assert found.table.index[0] == "narrow"
    assert np.isnan(found.sensitivity.loc["gamma", "width sd × 2"]), "a gamma law has no location and scale"
    assert found.sensitivity.loc["narrow", "width sd × 2"] < 0
    assert "unreliable" not in found.verdict


REFUSED = [
    ({"fixed": {"middle": 4.0}}, "fixed: expected parameters that one-species samples .*, centre, sigma, got 'middle'"),
    ({"priors": {"q": dist.Beta(1.0, 1.0)}, "model": "two-species"}, "priors: expected parameters .*, r, got 'q'"),
    ({"priors": {"r": dist.Normal()}, "model": "two-species"}, "priors: expected a law of r between 0 and at most 1"),
    ({"priors": {"sigma": 0.05}}, "priors: expected a law of numpyro.distributions for sigma, .* got 0.05"),
    ({"priors": {"sigma": dist.LogNormal(np.array([0, 1.0]), 1)}}, "priors: expected a law of one number for sigma"),
    ({"fixed": {"sigma": -0.05}}, "fixed: expected sigma in Positive.*, got -0.05"),
    ({"fixed": {"r": 1.0}, "model": "two-species"}, "fixed: expected r from 0 to below 1, got 1.0"),
    ({"fixed": {"centre": np.nan}}, "fixed: expected a finite number for centre, got nan"),
    ({"fixed": {"centre": 4, "sigma": 1}}, "fixed: expected something left to infer, got all that one-species"),
    ({"fixed": {"centre": 4.0}, "priors": {"centre": dist.Normal()}}, "fixed: expected parameters without a prior"),
    ({"fixed": {"centre": 4.0}, "likelihood": "spacing"}, "fixed: expected parameters .* sigma, got 'centre'"),
    ({"fixed": [4.0]}, "fixed: expected values by the name of a parameter, got"),
]


@pytest.mark.parametrize(("asked", "message"), REFUSED)
def test_what_makes_no_sense_is_refused_before_computing(
    asked: dict, message: str, monkeypatch: pytest.MonkeyPatch, unchecked: None
) -> None:
    monkeypatch.setattr("coulombfit.inference.fit.draw", lambda *_, **__: pytest.fail("computed"))
    with pytest.raises(cf.ArgumentError, match=message):
        cf.fit(PAIRS, **asked)


@pytest.mark.long
def test_priors_of_clusters() -> None:
    levels = np.concatenate([PAIRS, 1.0 + 0.05 * np.random.default_rng(0).normal(size=(12, 1))], axis=1)
    data = cf.Spectra(levels, targets=[4.0, 4.0, 1.0])
    asked = {"priors": {"sigma": dist.LogNormal(np.log([0.05, 0.04]), 0.1)}, "fixed": {"centre": [4.0, 1.0]}}
    fit = cf.fit(data, "gas", **asked, sampler="laplace")
    assert list(fit.table().index) == ["sigma[0]", "sigma[1]"]
    assert fit.table()["mean"].tolist() == pytest.approx([0.05, 0.045], rel=0.2)


def test_stated_things_are_equal_by_value() -> None:
    """Compiled programs are kept by model: the same priors, made anew, compile nothing anew."""
    one, other = (MODELS["one-species"].informed({"sigma": dist.LogNormal(-3.0, 1.0)}, {"centre": 4}) for _ in range(2))
    assert one == other
    assert hash(one) == hash(other)
    assert one != MODELS["one-species"].informed({"sigma": dist.LogNormal(-3.0, 1.1)}, {"centre": 4})
    assert one != MODELS["one-species"]
    assert MODELS["one-species"].informed() is MODELS["one-species"]
    assert Stated.from_json(one.stated.to_json()) == one.stated


@pytest.mark.slow
@pytest.mark.usefixtures("float64")
def test_densities_of_coordinates_are_normalised() -> None:
    """∫ p(z) dz = 1 of a given prior, in the coordinates in which it is sampled."""
    unit, default = Standardisation(4.0, 0.05), dist.LogNormal(0.0, 1.0)
    for prior, _ in GIVEN.values():
        way = {"sigma": StatedPrior(prior, default, unitless=False)}
        whole = integrate.quad(lambda z, way=way: np.exp(sites_at(way, jnp.array([z]), unit)[1]), -40, 40, limit=400)[0]
        assert whole == pytest.approx(1.0, abs=1e-6)
        site = way["sigma"].sample(jax.random.key(0), (200,), unit)
        back = jax.vmap(lambda z, way=way: sites_at(way, z[None], unit)[0]["sigma"])(
            way["sigma"]._to_value(unit).inv(way["sigma"].in_units(site, unit))
        )
        np.testing.assert_allclose(back, site, rtol=1e-9)


@dataclass(frozen=True, eq=False)
class Own(type(MODELS["one-species"])):
    name = "own"


class OwnLaw(dist.LogNormal):
    """A prior that is not in NumPyro."""


@pytest.mark.slow
def test_a_file_of_an_own_model_or_prior_asks_for_it(tmp_path) -> None:
    fit = cf.fit(PAIRS, Own(), sampler="laplace")
    fit.save(tmp_path / "own.nc")
    with pytest.raises(cf.DataError, match="it is of a model of one's own, 'own'; give model="):
        cf.Fit.load(tmp_path / "own.nc")
    assert cf.Fit.load(tmp_path / "own.nc", Own()).summary() == fit.summary()
    with pytest.raises(cf.ArgumentError, match=r"model: expected 'own', of which .* is a fit, got 'gaussian'"):
        cf.Fit.load(tmp_path / "own.nc", MODELS["gaussian"])
    prior = {"sigma": OwnLaw(-3.0, 1.0)}
    cf.fit(PAIRS, priors=prior, sampler="laplace").save(tmp_path / "prior.nc")
    with pytest.raises(
        cf.DataError, match="its prior of sigma, a OwnLaw, cannot be made again from the file: give priors="
    ):
        cf.Fit.load(tmp_path / "prior.nc")
    assert "given" in cf.Fit.load(tmp_path / "prior.nc", priors=prior).summary()


class PlainPrior(dist.Distribution):
    """A prior that keeps its number as an attribute of which JAX knows nothing."""

    support = dist.constraints.positive

    def __init__(self, median: float) -> None:
        self.median = median
        super().__init__((), (), validate_args=False)

    def log_prob(self, value):
        return dist.LogNormal(jnp.log(self.median), 0.02).log_prob(value)

    def sample(self, key, sample_shape=()):
        return dist.LogNormal(jnp.log(self.median), 0.02).sample(key, sample_shape)


@pytest.mark.slow
def test_priors_of_ones_own_are_told_apart() -> None:
    means = [cf.fit(PAIRS, priors={"sigma": PlainPrior(m)}).table().loc["sigma", "mean"] for m in (0.05, 0.07)]
    same = cf.fit(PAIRS, priors={"sigma": dist.LogNormal(np.log(0.07), 0.02)}).table().loc["sigma", "mean"]
    assert means[1] == pytest.approx(same, rel=1e-3)
    assert means[0] < 0.055


@dataclass(frozen=True)
class Equal(type(MODELS["one-species"])):
    name = "equal"


@dataclass(frozen=True, eq=False)
class Stretched(type(MODELS["one-species"])):
    """Reports twice what it samples as σ."""

    name = "stretched"

    def parameters(self, sites, unit):
        found = super().parameters(sites, unit)
        return found | {"sigma": 2.0 * found["sigma"]}


@pytest.mark.slow
def test_models_that_would_be_fitted_wrongly_are_refused() -> None:
    prior = {"sigma": dist.LogNormal(-3.0, 0.1)}
    with pytest.raises(cf.ArgumentError, match=r"equality of its own, .*write @dataclass\(frozen=True, eq=False\)"):
        cf.fit(PAIRS, Equal(), priors=prior)
    cf.fit(PAIRS, Stretched())
    with pytest.raises(cf.ArgumentError, match="priors: stretched does not report sigma as the value that is given"):
        cf.fit(PAIRS, Stretched(), priors=prior)
    with pytest.raises(cf.ArgumentError, match="fixed: stretched does not report sigma as the value that is given"):
        cf.fit(PAIRS, Stretched(), fixed={"sigma": 0.05})


@pytest.mark.parametrize(
    "prior",
    [
        dist.Poisson(3.0),
        dist.Delta(0.05),
        dist.Uniform(3.0, 1.0),
        dist.Uniform(-2.0, 1.0),
        dist.Normal(0.0, 0.1),
        dist.ImproperUniform(dist.constraints.positive, (), ()),
    ],
    ids=lambda prior: type(prior).__name__,
)
def test_laws_without_a_density_of_positive_numbers_are_refused(prior: dist.Distribution) -> None:
    with pytest.raises(cf.ArgumentError, match=r"priors: expected a law .* for sigma"):
        cf.fit(PAIRS, priors={"sigma": prior})


@pytest.mark.slow
def test_nested_models_weigh_the_prior_of_r_that_was_given() -> None:
    """The draws' own estimate of the factor of one species over two, against the two integrals."""
    one = cf.fit(PAIRS, fixed={"centre": CENTRE})
    for prior in (dist.Uniform(0.0, 0.3), dist.Beta(1.0, 3.0)):
        two = cf.fit(PAIRS, "two-species", fixed={"centre": CENTRE}, priors={"r": prior})
        assert cf.savage_dickey(two) == pytest.approx(one.log_evidence - two.log_evidence, abs=0.15)
        assert np.isnan(cf.evidence({"two": two}).sensitivity.loc["two", "r towards 0"])
    zero = cf.fit(PAIRS, "two-species", priors={"r": dist.Beta(2.0, 5.0)})
    with pytest.raises(cf.ArgumentError, match="fit: expected a prior of r with a finite density above 0 at r = 0"):
        cf.savage_dickey(zero)
