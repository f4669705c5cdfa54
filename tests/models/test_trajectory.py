"""The model of levels over training: what it infers, refuses and says; its posterior, cluster by cluster or at once."""

import json
from pathlib import Path
from types import SimpleNamespace

import jax.numpy as jnp
import numpy as np
import numpyro.distributions as dist
import pytest
from scipy import integrate, stats

import coulombfit as cf
from coulombfit.answers.answer import Answer
from coulombfit.models import MODELS, Dyson
from coulombfit.models.transitions import Transitions
from coulombfit.runtime.precision import double_precision
from simulators import ensembles
from tests.laws.matrices import levels_over_time

STEPS = np.arange(10.0, 3010.0, 10.0)
RATE, ALPHA, BATCH = 0.03, 0.1, 16
QUICK = cf.Sampling(per_run_draws=60, predictive_draws=5)


def data(**changed) -> cf.Trajectories:
    """A pair of rate 0.03 a step about 4, and a single level of rate 0.01 about 2: 300 snapshots of two runs."""
    pair = levels_over_time(STEPS, rate=RATE, runs=2)
    level = levels_over_time(STEPS, rate=0.01, runs=2, size=1, centre=2.0, sigma=0.03, seed=1)
    setting = {"learning_rate": ALPHA, "batch_size": BATCH, "name": "matrices"} | changed
    return cf.Trajectories(np.concatenate([pair, level], axis=2), STEPS, **setting)


@pytest.fixture(scope="module")
def fit() -> cf.Fit:
    return cf.fit(data(), "dyson", sampling=QUICK)


def test_centres_widths_memories_rates_and_noise(fit: cf.Fit) -> None:
    """Within 4 posterior standard deviations of the truth, and those as small as they should be."""
    table = fit.table()
    rates = [1.0 - np.exp(-RATE), 1.0 - np.exp(-0.01)]
    truth = {
        "centre": [4.0, 2.0],
        "sigma": [0.05, 0.03],
        "memory": np.exp([-10 * RATE, -0.1]),
        "rate": rates,
        "noise": np.array([0.05, 0.03]) ** 2 * rates * BATCH / ALPHA**2,
    }
    for name, values in truth.items():
        for k, value in enumerate(values):
            row = table.loc[f"{name}[{k}]"]
            assert abs(row["mean"] - value) < 4.0 * row["sd"], (name, k)
            assert row["sd"] < 0.25 * value
    assert list(fit.tree["posterior"]["rate"].dims) == ["chain", "draw", "cluster"]
    assert fit.diagnosis.passed
    assert fit.description.answer is Answer.YES


def test_the_summary_says_what_went_in(fit: cf.Fit) -> None:
    said = str(fit.summary())
    assert "300 snapshots of each run, steps 10 to 3000, 10 apart, none left out; first snapshot from the" in said
    assert "clusters of levels 0,1; 2, guessed" in said
    assert "mean ± sd over all snapshots" in said
    assert "memory ~ Kumaraswamy(" in said


def test_groups_have_runs_snapshots_and_blocks_of_time(fit: cf.Fit) -> None:
    observed = fit.tree["observed_data"]["eigenvalues"]
    assert observed.dims == ("run", "snapshot", "level")
    np.testing.assert_array_equal(observed["step"], STEPS)
    predicted = fit.tree["posterior_predictive"]["eigenvalues"]
    assert predicted.shape == (4, 5, 2, 300, 3)
    assert abs(float(predicted[..., 2].std()) - 0.03) < 0.006
    each = fit.tree["log_likelihood"]["eigenvalues"]
    assert each.dims == ("chain", "draw", "block")
    assert each.sizes["block"] == 40
    assert Transitions().unit_dim(np.zeros((20, 30, 2))) == "run"


def test_it_is_saved_and_read_back(fit: cf.Fit, tmp_path: Path) -> None:
    fit.save(tmp_path / "fit.nc")
    again = cf.Fit.load(tmp_path / "fit.nc")
    assert again.model == fit.model
    assert str(again.summary()) == str(fit.summary())
    json.loads(again.record.to_json())


@pytest.mark.slow
def test_the_likelihood_of_a_level_integrates_to_its_evidence() -> None:
    """Of one level, by quadrature over the memory, with centre and width known."""
    x = levels_over_time(np.arange(40.0), rate=0.3, size=1, centre=2.0, sigma=0.03)
    one = cf.Trajectories(x, np.arange(1.0, 41.0))
    fitted = cf.fit(one, "dyson", fixed={"centre": 2.0, "sigma": 0.03}, sampling=QUICK)

    def density(a: float) -> float:
        z = (x[0, :, 0] - 2.0) / 0.03
        log = stats.norm.logpdf(z[0]) + stats.norm.logpdf(z[1:], a * z[:-1], np.sqrt(1.0 - a**2)).sum()
        return 0.5 / np.sqrt(1.0 - a) * np.exp(log - 40 * np.log(0.03) - 80.0)

    total = integrate.quad(density, 0.0, 1.0)[0]
    mean = integrate.quad(lambda a: a * density(a), 0.0, 1.0)[0] / total
    assert fitted.log_evidence == pytest.approx(np.log(total) + 80.0, abs=0.02)
    assert float(fitted.parameters["memory"].mean()) == pytest.approx(mean, abs=0.01)


@pytest.mark.slow
def test_clusters_one_by_one_are_clusters_all_at_once(fit: cf.Fit) -> None:
    """A prior that is stated makes it one posterior: the same one where it says what the model says."""
    at_once = cf.fit(data(), "dyson", priors={"memory": dist.Kumaraswamy(1.0, 0.5)}, sampling=QUICK)
    assert not at_once.model.factors(at_once.observed_by)
    assert len(fit.model.factors(fit.observed_by)) == 2
    assert at_once.log_evidence == pytest.approx(fit.log_evidence, abs=0.03)
    one, other = fit.table(), at_once.table()
    assert (np.abs(one["mean"] - other["mean"]) < 0.15 * one["sd"]).all()
    np.testing.assert_allclose(one["sd"], other["sd"], rtol=0.1)


@pytest.mark.slow
def test_chains_give_the_same_posterior(fit: cf.Fit) -> None:
    chains = cf.fit(data(), "dyson", sampler="nuts", sampling=QUICK)
    assert chains.diagnosis.passed, chains.diagnosis
    one, other = fit.table(), chains.table()
    assert (np.abs(one["mean"] - other["mean"]) < 0.15 * one["sd"]).all()


@pytest.mark.long
def test_beta_is_of_pairs_and_tells_real_weights_from_complex_ones() -> None:
    steps = np.arange(1.0, 1501.0)
    for beta in (1, 2):
        pair = levels_over_time(steps, rate=0.3, beta=beta)
        level = levels_over_time(steps, rate=0.3, size=1, centre=5.0)
        both = cf.Trajectories(np.concatenate([level, pair], axis=2), steps, clusters=[[0], [1, 2]])
        fitted = cf.fit(both, "dyson", beta=True, sampling=QUICK)
        assert fitted.model.name == "dyson-beta"
        assert fitted.tree["posterior"]["beta"].dims == ("chain", "draw", "pair")
        row = fitted.table(0.99).loc["beta[1]"]  # the number of its cluster
        assert row["lower"] < beta < row["upper"]
        assert not row["lower"] < 3 - beta < row["upper"]
        assert "noise[0]" not in fitted.table().index
    plain = cf.fit(both, "dyson", sampling=QUICK)
    assert plain.description.answer is Answer.NO
    assert "distribution of steps of spacing of levels 1, 2" in plain.description.verdict
    comparison = cf.compare({"dyson": plain, "dyson-beta": fitted})
    assert comparison.winner == "dyson-beta"
    assert cf.fit(ensembles.one_species(centre=4.0, sigma=0.05, runs=20), "gas", beta=True).model.name == "gas-beta"


def test_what_has_no_law_is_refused_with_the_way_on() -> None:
    x = levels_over_time(STEPS, rate=RATE, size=3)
    with pytest.raises(cf.DataError, match=r"got levels 0, 1, 2 together.*clusters='single'.*from_trajectory"):
        cf.fit(cf.Trajectories(x, STEPS, clusters=[[0, 1, 2]]), "dyson")
    with pytest.raises(cf.DataError, match="expected at least one pair, whose spacing says what β is"):
        cf.fit(data(clusters="single"), "dyson", beta=True)
    with pytest.raises(cf.DataError, match=r"dyson is of levels over training.*ensemble of 20 spectra, which have no"):
        cf.fit(ensembles.one_species(centre=4.0, sigma=0.05, runs=20), "dyson")
    with pytest.raises(cf.DataError, match=r"one-species is of an ensemble.*take the model 'dyson'"):
        cf.fit(data(), "one-species")
    with pytest.raises(cf.ArgumentError, match="beta: one-species has no form with β free"):
        cf.fit(data(), "one-species", beta=True)
    with pytest.raises(cf.ArgumentError, match="likelihood: model 'dyson' takes 'transitions', got 'pair'"):
        cf.fit(data(), "dyson", "pair")
    with pytest.raises(cf.ArgumentError, match="some are of levels over training"):
        from coulombfit.models import find_models

        find_models(["gas", "dyson"])


def test_a_simulation_goes_straight_in() -> None:
    """What is asked, without fitting: from step 0 on, the first snapshot is only conditioned on."""
    x = data().eigenvalues
    run = SimpleNamespace(eigenvalues=x, steps=STEPS - 10.0, parameters={"learning_rate": ALPHA, "batch_size": BATCH})
    from coulombfit.inference.preparation import ask, prepare, spectra_of

    prepared = prepare(spectra_of(run), ask("dyson", None, "laplace", None, 0))
    assert prepared.model.structure["sizes"] == [2, 1]
    assert not prepared.model.structure["stationary"]
    with double_precision():
        rows = prepared.model.terms("transitions", prepared.observations, prepared.unit)
    assert not rows.reshape(2, 300, -1)[:, 0, 1:].any()


def test_models_without_data_can_be_tried() -> None:
    for name in ("dyson", "dyson-beta"):
        model = MODELS[name]
        sites = {"centre": jnp.zeros(1), "sigma": jnp.ones(1), "memory": jnp.full(1, 0.5), "beta": jnp.ones(1)}
        assert {"centre", "sigma", "memory", "rate"} <= set(model.parameters(sites, model.reference))
    assert Dyson((1, 2)) == Dyson([1, 2])
    assert hash(Dyson((1, 2))) == hash(Dyson([1, 2]))
