"""A model of one's own: nothing that it reports is lost, whatever its parameters are called."""

from dataclasses import dataclass
from itertools import combinations
from types import MappingProxyType

import jax.numpy as jnp
import numpyro.distributions as dist
import pytest

import coulombfit as cf
from coulombfit import laws, plots
from coulombfit.inference.tree import reported_parameters
from coulombfit.models import MODELS, Gas, Model, Pair, Standardisation
from coulombfit.models.pairs import Anisotropic, Gaussian, OneSpecies, TwoSpecies
from coulombfit.report.verdicts import symbol

FEW = cf.Sampling(chains=1, draws=200)


class Stiff(Model):
    """One species by its stiffness 1/σ², with no parameter of the built-in names."""

    name = "stiff"
    description = "Coulomb gas of one species, by its stiffness"
    likelihoods = ("pair",)
    reports = ("place", "stiffness")

    def sites(self, likelihood):
        return {"place": dist.Normal(0.0, 2.0), "log_stiffness": dist.Normal(0.0, 2.0), "idle": dist.HalfNormal(1.0)}

    def parameters(self, sites, unit):
        # "aside" is in no declaration, and has a name before all others
        return {
            "stiffness": jnp.exp(sites["log_stiffness"]) / unit.scale**2,
            "place": unit.undo(sites["place"]),
            "aside": sites["idle"],
        }

    def law(self, likelihood, parameters):
        return laws.OneSpeciesPair(parameters["place"], parameters["stiffness"] ** -0.5)

    def observe(self, spectra, likelihood):
        return spectra.eigenvalues

    def unit(self, observations, likelihood):
        return Standardisation.of(observations)


@pytest.fixture(scope="module")
def stiff(few) -> cf.Fit:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(MODELS, "stiff", Stiff())
        yield cf.fit(few, "stiff", sampler="laplace", seed=1)


@pytest.mark.slow
def test_a14_a_reported_parameter_is_never_dropped(stiff, few) -> None:
    assert list(stiff.tree["posterior"]) == ["place", "stiffness", "aside"]
    assert list(stiff.tree["prior"]) == ["place", "stiffness", "aside"]
    assert list(stiff.table().index) == ["place", "stiffness", "aside"]
    sigma = cf.fit(few, "one-species", sampler="laplace", seed=1).table().loc["sigma", "mean"]
    assert stiff.table().loc["stiffness", "mean"] ** -0.5 == pytest.approx(sigma, rel=0.05)
    assert all(name in stiff.summary() for name in ("place", "stiffness", "aside"))


class Unknown(Stiff):
    name = "unknown"


class Lawless(cf.Model):
    name, description, likelihoods = "lawless", "a model without a law", ("pair",)

    def sites(self, likelihood):
        return {"centre": dist.Normal(0.0, 1.0)}

    def parameters(self, sites, unit):
        return {"centre": unit.undo(sites["centre"])}


@pytest.mark.slow
def test_an_object_goes_wherever_a_name_does(few, tmp_path, unchecked: None) -> None:
    """Given to fit itself, with no name known to the package: compared, weighed, checked, drawn, reported, kept."""
    own = cf.fit(few, Unknown(), seed=1)
    fits = {"own": own, "gaussian": cf.fit(few, "gaussian", seed=1)}
    assert "unknown" not in MODELS
    evidence = cf.evidence(fits)
    assert cf.compare(fits, evidence=evidence).winner in fits
    assert set(evidence.table.index) == set(fits)
    assert set(cf.predictive(own).table.dropna().index) == {"level density", "spacing", "variance ratio", "binder"}
    assert len(plots.laws(fits)) == 3
    assert len(plots.corner(own)) == 6
    cf.write_report(tmp_path / "report.html", fits=fits)
    assert "stiffness" in (tmp_path / "report.html").read_text(encoding="utf-8")
    own.save(tmp_path / "own.nc")
    assert cf.Fit.load(tmp_path / "own.nc", Unknown()).summary() == own.summary()
    many = cf.fit_many([few[:20], few[20:]], Unknown(), seed=1)
    assert many.fits["converged"].all()
    with pytest.raises(
        cf.ArgumentError, match="fit: expected a model of a pair with moments in closed form, got 'unknown'"
    ):
        cf.predicted_moments(own)
    with pytest.raises(cf.ArgumentError, match="models: expected some of one-species, two-species, anisotropic, got"):
        cf.width_consistency(few, models=[Unknown()])
    with pytest.raises(cf.ArgumentError, match=r"model: lawless takes likelihood 'pair', .* and has no method pair"):
        cf.fit(few, Lawless())
    with pytest.raises(cf.ArgumentError, match=r"model: expected a name or a coulombfit.Model, got 3"):
        cf.fit(few, 3)


def test_a14_many_fits_have_every_parameter(few, monkeypatch) -> None:
    monkeypatch.setitem(MODELS, "stiff", Stiff())
    many = cf.fit_many([few[:20], few[20:]], "stiff", seed=1)
    assert set(many.table.index.get_level_values("parameter")) == {"place", "stiffness", "aside"}


class Stacked(Stiff):
    """Two numbers of one name, along a given axis."""

    axis: int = -1
    reports = ("place",)

    def parameters(self, sites, unit):
        found = super().parameters(sites, unit)
        return found | {"both": jnp.stack([found["place"], found["stiffness"]], axis=self.axis)}


def test_a14_several_numbers_of_one_name_stand_along_the_last_axis() -> None:
    class First(Stacked):
        name, axis = "first", 0

    sites = {name: jnp.ones(5) for name in Stiff().sites(Pair())}
    assert reported_parameters(Stacked(), sites, Standardisation(0.0, 1.0))["both"].shape == (5, 2)
    with pytest.raises(
        cf.ArgumentError, match=r"model: first reports both of shape \(2, 5\) for 5 draws; expected \(5,\)"
    ):
        reported_parameters(First(), sites, Standardisation(0.0, 1.0))


@pytest.mark.slow
def test_a14_calibration_ranks_every_parameter() -> None:
    result = cf.calibrate(Stiff(), runs=10, datasets=40, sampler="laplace", sampling=FEW)
    assert set(result.table.index) == {"place", "stiffness", "aside"}
    panels = plots.calibration(result)
    assert {ax.get_title().partition(":")[0] for ax in panels} == {"place", "stiffness", "aside"}


class Halved(OneSpecies):
    """A built-in model that reports one number more."""

    name = "halved"

    def parameters(self, sites, unit):
        parameters = super().parameters(sites, unit)
        return parameters | {"a_half": 0.5 * parameters["sigma"]}


@pytest.mark.slow
def test_a14_figures_and_report_have_every_parameter(stiff, few, tmp_path, monkeypatch) -> None:
    panels = plots.corner(stiff)
    assert len(panels) == 6
    drawn = {text for ax in panels for text in (ax.get_xlabel(), ax.get_ylabel())}
    assert all(any(text.startswith(name) for text in drawn) for name in ("place", "stiffness", "aside"))
    assert symbol("a<b>") == "a&lt;b&gt;"
    monkeypatch.setitem(MODELS, "halved", Halved())
    halved = cf.fit(few, "halved", sampler="laplace", seed=1)
    assert list(halved.table().index) == ["centre", "sigma", "mean_spacing", "a_half"]
    cf.write_report(tmp_path / "report.html", fits={"own": halved})
    assert "a_half" in (tmp_path / "report.html").read_text(encoding="utf-8")


@pytest.mark.slow
def test_built_in_parameters_keep_their_order(pairs) -> None:
    fit = cf.fit(pairs[:50], "two-species", sampler="laplace")
    assert list(fit.table().index) == ["centre", "sigma_1", "sigma_2", "sigma_m", "r", "mean_spacing"]
    for model in [model for model in MODELS.values() if type(model).__module__.startswith("coulombfit")]:
        for likelihood in model.likelihoods:
            unit = model.reference
            sites = {name: prior.mean for name, prior in model.sites(likelihood).items()}
            parameters = model.parameters(sites, unit)
            assert set(parameters) <= {one.name for one in model.reports}


@dataclass(frozen=True, eq=False)
class Tempered(OneSpecies):
    power: float = 1.0


class Mutable(OneSpecies):
    def __init__(self, power: float) -> None:
        self.power = power


def test_a14_equal_models_are_equal() -> None:
    kinds = (Gaussian, OneSpecies, TwoSpecies, Anisotropic, Gas, Stiff)
    for kind in kinds:
        assert kind() == kind()
        assert hash(kind()) == hash(kind())
    for one, other in combinations(kinds, 2):
        assert one() != other()
    assert Gas((2, 1)) == Gas([2, 1]) != Gas((1, 2))
    # what a subclass adds counts: compiled programs are kept by model
    for kind in (Tempered, Mutable):
        assert kind(1.0) == kind(1.0) != kind(2.0)
        assert hash(kind(1.0)) == hash(kind(1.0))
    assert Tempered(1.0) != OneSpecies()


PRIORS = MappingProxyType(
    {
        "half": dist.HalfNormal(2.5),
        "gamma": dist.Gamma(2.0, 3.0),
        "cut": dist.TruncatedNormal(0.0, 1.0, low=0.0),
        "student": dist.StudentT(3.0, 0.0, 1.0),
        "several": dist.Normal(jnp.zeros(2), jnp.ones(2)).to_event(1),
        "logs": dist.LogNormal(jnp.zeros(2), jnp.ones(2)).to_event(1),
        "box": dist.Uniform(-2.0, 3.0),
        "moved": dist.TransformedDistribution(dist.Normal(0.0, 1.0), dist.transforms.ExpTransform()),
        "mixed": dist.MixtureSameFamily(dist.Categorical(jnp.ones(2) / 2), dist.Normal(jnp.zeros(2), 1.0)),
        "exactly": dist.Delta(1.0),
    }
)


class Wordy(Stiff):
    def sites(self, likelihood):
        return dict(PRIORS)


def test_a14_priors_have_words_whatever_they_are() -> None:
    words = Wordy().priors(Standardisation(4.0, 0.1), "pair")
    assert list(words) == list(PRIORS)
    assert "HalfNormal(scale 2.5)" in words["half"]
    assert "StudentT(df 3, loc 0, scale 1)" in words["student"]
    assert "MixtureSameFamily" in words["mixed"]
    assert words["box"] == "Uniform(-2, 3), standardised"
    assert all("standardised" in text for text in words.values())


def test_priors_of_known_parameters_are_in_units_of_the_data() -> None:
    unit = Standardisation(4.0, 0.1)
    assert TwoSpecies().priors(unit, "pair") == {
        "centre": "Normal(mean 4, sd 0.2)",
        "sigma_m": "LogNormal(median 0.1, sd of its logarithm 1)",
        "r": "Uniform(0, 1)",
    }
