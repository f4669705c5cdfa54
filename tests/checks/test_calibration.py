"""Posteriors hold the truth as often as they claim, and a planted error is caught by the same test."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

import coulombfit as cf
from coulombfit import laws, plots
from coulombfit.answers.answer import Answer
from coulombfit.checks.fits.calibration import KEPT, _draw_from_prior, _judge_ranks
from coulombfit.models import Gas
from coulombfit.models.pairs import OneSpecies

QUICK = cf.Sampling(chains=1, warmup=300, draws=500, target_accept=0.9)


class WiderThanItSays(OneSpecies):
    """A planted error: data whose width is 5 % more than the law has it."""

    def simulate(self, likelihood, parameters):
        return super().simulate(likelihood, parameters | {"sigma": 1.05 * parameters["sigma"]})


class Unnormalised(laws.OneSpeciesPair):
    def log_prob(self, value):
        return super().log_prob(value) + 3.0 * jnp.log(self.sigma)


class WithoutNormaliser(OneSpecies):
    """A planted error: a law that forgets its factor σ⁻³, as a likelihood without its normaliser does."""

    def pair(self, parameters):
        return Unnormalised(parameters["centre"], parameters["sigma"])


@pytest.fixture(scope="module")
def result() -> cf.Calibration:
    return cf.calibrate("one-species", runs=20, datasets=200, sampler="nuts", sampling=QUICK)


@pytest.mark.long
def test_one_species_is_calibrated(result: cf.Calibration) -> None:
    assert result.passed, result.verdict
    assert set(result.table.index) == {"centre", "sigma"}
    assert result.ranks.sizes == {"dataset": 200}
    assert int(result.ranks["sigma"].max()) <= KEPT
    assert result.divergent == 0
    assert result.answer is Answer.YES
    assert "is calibrated" in result.verdict
    assert "would have been seen" in result.verdict
    p = stats.kstest(result.uniform["sigma"], "uniform").pvalue
    assert result.table.loc["sigma", "p_value"] == pytest.approx(p)


@pytest.mark.slow
def test_the_same_seed_gives_the_same_ranks_and_no_other() -> None:
    settings = {"runs": 5, "datasets": 20, "sampling": QUICK}
    one, two = (cf.calibrate("gaussian", "spacing", **settings, seed=1) for _ in range(2))
    other = cf.calibrate("gaussian", "spacing", **settings, seed=2)
    np.testing.assert_array_equal(one.ranks["sigma"], two.ranks["sigma"])
    assert (one.ranks["sigma"] != other.ranks["sigma"]).any()


@pytest.mark.slow
@pytest.mark.parametrize("planted", [WiderThanItSays, WithoutNormaliser])
def test_planted_errors_are_caught(planted: Callable) -> None:
    result = cf.calibrate(planted(), runs=100, datasets=200, sampler="nuts", sampling=QUICK)
    assert not result.passed
    assert result.answer is Answer.NO
    assert "NOT CALIBRATED in" in result.verdict
    assert "p < 0.001" in result.verdict
    assert result.table.loc["sigma", "p_value"] < 1e-6


def ranked(datasets: int, bias: float = 0.0, seed: int = 0) -> cf.Calibration:
    """What posteriors that are off by ``bias`` of their standard deviations give."""
    z = np.random.default_rng(seed).standard_normal(datasets)
    ranks = np.floor((KEPT + 1) * stats.norm.cdf(z + bias)).astype(int)
    hits = np.stack([np.abs(z + bias) < stats.norm.ppf(0.5 + 0.5 * content) for content in (0.5, 0.9)], axis=1)
    return _judge_ranks("made up", ({"sigma": ranks}, {"sigma": hits}, np.zeros(datasets)), (), seed)


def test_a6_few_data_sets_cannot_tell_whether_they_are_calibrated() -> None:
    few = ranked(20)
    assert few.passed
    assert few.answer is Answer.CANNOT_TELL
    assert few.verdict.startswith("the data cannot tell whether made up is calibrated: it takes a bias of ")
    assert ranked(200).answer is Answer.YES
    assert ranked(200, bias=0.8).answer is Answer.NO


@pytest.mark.parametrize("datasets", [50, 200])
def test_a_bias_of_the_size_that_is_stated_is_seen(datasets: int) -> None:
    """In four of five cases or more, 3 standard errors allowed; no bias is seen in none of 100."""
    bias = ranked(datasets).seen
    assert sum(ranked(datasets, bias, seed).passed for seed in range(100)) < 32
    assert sum(not ranked(datasets, 0.0, seed).passed for seed in range(100)) <= 1


SLOW = [
    *((name, likelihood) for name in ("gaussian", "one-species") for likelihood in ("pair", "density", "spacing")),
    ("two-species", "pair"),
    ("split-pair", "pair"),
]
LONG = [
    ("split-pair", "spacing"),
    ("split-pair-two-widths", "pair"),
    ("anisotropic", "pair"),
    ("two-species", "density"),
    ("gas-beta", "levels"),
]


@pytest.mark.parametrize(
    ("model", "likelihood"),
    [pytest.param(*case, marks=pytest.mark.slow) for case in SLOW]
    + [pytest.param(*case, marks=pytest.mark.long) for case in LONG],
)
def test_every_model_is_calibrated(model: str, likelihood: str) -> None:
    """150 data sets each; all tests of this kind together raise a false alarm in less than one case in a hundred."""
    result = cf.calibrate(model, likelihood, runs=40, datasets=150, sampling=QUICK)
    assert result.passed, str(result.summary())


@pytest.mark.long
@pytest.mark.parametrize("model", ["split-pair", "split-pair-two-widths"])
def test_split_pairs_are_calibrated_over_500_data_sets(model: str) -> None:
    result = cf.calibrate(model, runs=40, datasets=500, sampling=QUICK, seed=5)
    assert result.passed, str(result.summary())
    assert result.answer is Answer.YES


@pytest.mark.long
def test_the_gas_of_several_clusters_is_calibrated() -> None:
    result = cf.calibrate(Gas((1, 2, 2)), runs=40, datasets=150, sampling=QUICK)
    assert set(result.table.index) == {f"{name}[{k}]" for name in ("centre", "sigma") for k in range(3)}
    assert result.passed, str(result.summary())


@pytest.mark.slow
def test_truths_are_drawn_where_the_law_exists() -> None:

    model = Gas((1, 2, 2))
    sites = jax.vmap(lambda key: _draw_from_prior(model, model.likelihood("levels"), key))(
        jax.random.split(jax.random.key(0), 500)
    )
    parameters = model.parameters(sites, model.reference)
    assert model.exists(parameters).all()


@pytest.mark.slow
def test_ranks_are_drawn_against_an_envelope(result: cf.Calibration) -> None:
    axes = plots.calibration(result)
    assert [ax.get_title().partition(":")[0] for ax in axes] == ["$x_c$", r"$\sigma$"]
    tree = result.tree
    assert tree["prior_sbc"].sizes["sample"] == 200
    assert ((tree["prior_sbc"]["sigma"] > 0) & (tree["prior_sbc"]["sigma"] < 1)).all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"model": "gass"}, "model: expected one of"),
        ({"likelihood": "levels"}, "likelihood: model 'one-species' takes"),
        ({"runs": 1}, "runs: expected a whole number of at least 2, got 1"),
        ({"seed": -1}, "seed: expected a whole number from 0"),
        ({"datasets": 5}, "datasets: expected a whole number of at least 20, got 5"),
        ({"sampling": cf.Sampling(draws=150)}, "sampling: expected draws to be a multiple of 100, got 150"),
    ],
)
def test_wrong_arguments_are_named(arguments, message) -> None:
    with pytest.raises(ValueError, match=message):
        cf.calibrate(**arguments)
