"""Whether a fitted law describes the data, and what a fit says it was given."""

import warnings

import jax
import numpy as np
import pytest
import xarray as xr

import coulombfit as cf
from benchmarks.coverage import data_sets
from coulombfit.answers.answer import Answer
from coulombfit.data.clusters import doubt_pair
from coulombfit.inference.description import describe
from coulombfit.inference.given import describe_given, doubts_about, record_given
from simulators import ensembles

SHORT = cf.Sampling(draws=250)


def one_species(runs: int, seed: int) -> np.ndarray:
    return ensembles.one_species(centre=4.0, sigma=0.05, runs=runs, seed=seed)


def anisotropic(runs: int, seed: int = 0) -> np.ndarray:
    """Of the widths that students with a hidden layer have (Eq. 26)."""
    with jax.enable_x64(True):
        return np.asarray(cf.laws.AnisotropicPair(4.0, 0.106, 0.0098).sample(jax.random.key(seed), (runs,)))


def split(runs: int, seed: int) -> np.ndarray:
    """Levels 14 and 15 of a trained network, each about a centre of its own."""
    return np.random.default_rng(seed).normal([0.293, 0.240], [0.019, 0.017], (runs, 2))


def fit(x: object, model: str = "one-species", likelihood: str | None = None, seed: int = 0) -> cf.Fit:
    return cf.fit(x, model, likelihood, sampler="laplace", sampling=SHORT, seed=seed, progress=False)


@pytest.mark.slow
def test_one_species_does_not_describe_anisotropic_data(tmp_path) -> None:
    found = fit(anisotropic(1000))
    assert found.diagnosis.passed
    assert found.description.answer is Answer.NO
    lines = str(found.summary()).splitlines()
    assert any(line.startswith("Converged: every check passed") for line in lines)
    assert lines[-1].startswith("Describes the data: NO, the data are not as predicted in level density")
    assert "(least p < 0.001, " in lines[-1]
    found.save(tmp_path / "fit.nc")
    assert cf.Fit.load(tmp_path / "fit.nc").description == found.description


@pytest.mark.one_by_default
@pytest.mark.parametrize(
    ("model", "likelihood", "x"),
    [
        ("one-species", "pair", one_species(300, 1)),
        pytest.param("one-species", "spacing", one_species(300, 2), marks=pytest.mark.slow),
        ("one-species", "density", one_species(300, 3)),
        ("gas", "levels", one_species(300, 4)),
        ("gaussian", "pair", np.random.default_rng(5).normal(4.0, 0.05, (300, 2))),
        pytest.param("one-species", "density", one_species(300, 6).ravel(), marks=pytest.mark.slow),
    ],
)
def test_laws_describe_their_own_data(model: str, likelihood: str, x: np.ndarray) -> None:
    found = fit(x, model, likelihood).description
    assert found.answer is Answer.YES
    assert found.verdict.startswith("Describes the data: yes, the data look like those that it predicts (least p ")
    assert all(0.003 <= p <= 1 for p in found.p_values.values())


@pytest.mark.slow
def test_levels_that_do_not_repel_are_told() -> None:
    x = np.random.default_rng(7).normal(4.0, 0.05, (300, 2))
    assert fit(x).description.answer is Answer.NO
    assert fit(one_species(300, 8), "gaussian").description.answer is Answer.NO
    gas = 20.0 * np.arange(3, 0, -1) + np.random.default_rng(9).exponential(size=(300, 3))
    assert fit(gas, "gas").description.answer is Answer.NO


def test_a_handful_of_runs_cannot_tell() -> None:
    found = fit(one_species(20, 1)).description
    assert found.answer is Answer.CANNOT_TELL
    assert "the data cannot tell, 20 runs are too few to show much (least p " in found.verdict


@pytest.mark.slow
def test_what_was_not_run_says_so() -> None:
    tree = fit(one_species(100, 1)).tree
    assert describe(tree.drop_nodes("posterior_predictive")).verdict == (
        "Describes the data: not run, the fit has no posterior_predictive."
    )
    few = cf.fit(one_species(100, 1), sampler="laplace", sampling=cf.Sampling(chains=1, predictive_draws=5))
    assert few.description.answer is Answer.NOT_RUN
    assert "it takes 20 predicted ensembles, got 5" in few.description.verdict


def test_only_some_of_many_runs_are_looked_at() -> None:
    """Predictions stand for every hundredth run, and are placed among these."""
    sampling = cf.Sampling(draws=250, per_run_runs=300)
    found = cf.fit(one_species(30_000, 3), sampler="laplace", sampling=sampling)
    assert found.description.answer is Answer.YES
    assert found.description.runs == 30_000
    x = anisotropic(30_000)
    assert cf.fit(x, sampler="laplace", sampling=sampling).description.answer is Answer.NO


@pytest.mark.parametrize(
    ("model", "runs"),
    [
        pytest.param("one-species", 30, marks=pytest.mark.long),
        pytest.param("one-species", 300, marks=pytest.mark.long),
        pytest.param("anisotropic", 300, marks=pytest.mark.long),
    ],
)
def test_false_alarms_are_rare(model: str, runs: int) -> None:
    """At most 5 of 200 data sets: of 1 % or less with probability 0.98; a true 5 % fails with probability 0.93."""
    said = []
    for seed in range(200):
        x = one_species(runs, seed)
        if model == "anisotropic":
            x = anisotropic(runs, seed)
        said.append(fit(x, model, seed=seed).description.answer)
    assert said.count(Answer.NO) <= 5


@pytest.mark.slow
def test_other_laws_are_seen() -> None:
    """At 100 runs no repulsion, and at 300 anisotropic noise, in nine data sets of ten: at least 25 of 30."""
    said = [fit(np.random.default_rng(seed).normal(4.0, 0.05, (100, 2))).description.answer for seed in range(30)]
    assert said.count(Answer.NO) >= 22
    said = [fit(anisotropic(300, seed)).description.answer for seed in range(30)]
    assert said.count(Answer.NO) >= 25


def test_a5_levels_with_centres_of_their_own_are_no_pair() -> None:
    x = split(100, 3)
    levels = np.column_stack([np.linspace(2.0, 2.2, 100), x, np.linspace(0.05, 0.06, 100)])
    pair = cf.Spectra(levels, name="layer").pair(0)
    with pytest.warns(UserWarning, match="layer pair 0: these two levels do not look like a degenerate pair"):
        found = fit(pair)
    assert found.description.answer is Answer.NO
    summary = str(found.summary())
    assert "levels, 0 the topmost, mean ± sd over runs: 1 at 0.29" in summary
    assert ", 2 at 0.24" in summary
    assert "doubtful: these two levels do not look like a degenerate pair" in summary


def test_a5_many_fits_and_the_check_of_widths_warn_of_resolved_levels() -> None:
    x = {seed: split(100, seed) for seed in (0, 1)}
    expected = "^spectrum 0 .and 1 more: spectrum 1.: these two levels do not look like a degenerate pair"
    with pytest.warns(UserWarning, match=expected):
        cf.fit_many([x[0], x[1]], "gaussian", sampling=cf.Sampling(chains=1, draws=50))
    with pytest.warns(UserWarning, match="^data: these two levels do not look like a degenerate pair"):
        cf.width_consistency(x[0], models=["one-species"], likelihoods=["pair"], points=64)


@pytest.mark.one_slow
@pytest.mark.slow
@pytest.mark.parametrize(
    "runs", [3, pytest.param(10, marks=pytest.mark.slow), pytest.param(30, marks=pytest.mark.slow)]
)
def test_true_pairs_are_doubted_as_rarely_as_the_rule_says(runs: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """At 1 %, of 6000 data sets 60 ± 8 of one species and no more of any other law; twice the rate fails with 0.998."""
    monkeypatch.setattr("coulombfit.data.clusters.DOUBTED", 0.01)
    doubted = {}
    for model in ("gaussian", "one-species", "two-species", "anisotropic"):
        doubted[model] = sum(bool(doubt_pair(levels)) for levels in data_sets(model, runs, 6000))
    assert 38 <= doubted["one-species"] <= 88
    assert max(doubted.values()) <= 88, doubted


def test_resolved_levels_are_doubted() -> None:
    assert all(doubt_pair(split(100, seed)) for seed in range(50))
    assert doubt_pair(np.array([[2.0, 1.0], [2.0, 1.0]])) == ""


def test_a_fit_says_what_it_was_given(tmp_path) -> None:
    rng = np.random.default_rng(0)
    x = np.stack([np.concatenate([one_species(60, k) + 3.0, rng.normal(1.0, 0.01, (60, 1))], axis=1) for k in range(3)])
    np.savez(tmp_path / "runs.npz", levels=np.swapaxes(x, 0, 1))
    spectra = cf.read(tmp_path / "runs.npz", eigenvalues="levels", learning_rate=0.1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        summary = str(fit(spectra.pair(0)).summary())
    assert "data: runs pair 0, runs.npz, array levels, snapshot 2, 60 runs, learning_rate 0.1" in summary
    assert "levels, 0 the topmost, mean ± sd over runs: 0 at 7.0" in summary


def test_a_fit_says_who_grouped_its_levels() -> None:
    x = np.random.default_rng(0).normal([7.0, 4.0, 3.98, 1.0], 0.02, (60, 4))
    guessed, stated = cf.Spectra(x), cf.Spectra(x, clusters=[[1, 2], "single"])
    aimed = cf.Spectra(x, targets=[7.0, 4.0, 4.0, 1.0])

    def said(spectra: cf.Spectra) -> str:
        record = record_given(spectra, pooled=False)
        return next((line for line in describe_given(record) if line.startswith("grouping: ")), "")

    guess = "; a guess, clusters= or targets= state what is known"
    for spectra, by in (
        (guessed, f"grouped by the gaps between their distributions{guess}"),
        (stated, "grouped as stated"),
        (aimed, "grouped by their targets"),
    ):
        assert said(spectra) == f"grouping: levels 1,2 together, levels 0, 3 single, {by}"
        assert said(spectra.pair(0)) == f"grouping: levels 1,2 together, {by}"
        assert said(spectra.level(3)) == f"grouping: level 3 single, {by}"
    # two levels that are given as they are have not been grouped
    assert said(cf.Spectra(x[:, 1:3])) == ""
    assert record_given(cf.Spectra(x[:, :1]), pooled=True).grouping == ""


@pytest.mark.slow
def test_a_level_out_of_a_cluster_is_doubted() -> None:
    x = np.concatenate([one_species(60, 1), np.random.default_rng(0).normal(1.0, 0.01, (60, 1))], axis=1)
    level = record_given(cf.Spectra(x).level(0), pooled=False)
    (doubt,) = doubts_about(level)
    assert doubt.startswith("of levels 0–1, which belong together as grouped by the gaps between their distributions")
    assert "only 0 was taken" in doubt
    assert level.grouping == ""
    for whole in (cf.Spectra(x).level(2), cf.Spectra(x).pair(0), cf.Spectra(x, clusters="single").level(0)):
        assert doubts_about(record_given(whole, pooled=False)) == []
    with pytest.warns(UserWarning, match="level 0: of levels 0–1, which belong together"):
        fit(cf.Spectra(x).level(0), "gas")


def test_a7_a_drifting_ensemble_is_said_by_the_fit(tmp_path) -> None:
    start = one_species(100, 0)
    x = np.stack([start - 1.0, start - 0.5 + 0.01 * one_species(100, 1), one_species(100, 2)], axis=1)
    np.savez(tmp_path / "drift.npz", eigenvalues=x)
    with pytest.warns(UserWarning, match="drift"):
        spectra = cf.read(tmp_path / "drift.npz")
    summary = str(fit(spectra).summary())
    assert "doubtful: " in summary
    assert summary.index("doubtful: ") < summary.index("posterior")


def test_the_tree_stays_one_of_arviz() -> None:
    tree = fit(one_species(50, 1)).tree
    assert isinstance(tree, xr.DataTree)
    assert set(tree.children) == {
        "posterior",
        "prior",
        "log_likelihood",
        "posterior_predictive",
        "sample_stats",
        "observed_data",
    }


def damaged(tree: xr.DataTree, name: str) -> xr.DataTree:
    """The tree of a fit with predictions that are not of its data."""
    predicted = tree["posterior_predictive"].to_dataset()
    (values,) = predicted.values()
    changed = {
        "of another site": predicted.rename(eigenvalues="spacing"),
        "of other levels": predicted.isel(level=[0]),
        "of no runs": predicted.isel(run=[]),
        "of runs that are not there": predicted.assign_coords(run=np.arange(len(values["run"])) + 5),
        "text": predicted.astype(str),
        "nothing": predicted.drop_vars("eigenvalues"),
    }
    groups = {group: node.to_dataset() for group, node in tree.children.items()}
    made = xr.DataTree.from_dict(groups | {"posterior_predictive": changed[name]})
    made.attrs |= tree.attrs
    return made


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["of another site", "of other levels", "of no runs", "of runs that are not there", "text", "nothing"]
)
def test_a_file_whose_predictions_are_not_of_its_data_is_damaged(tmp_path, name: str) -> None:
    """Loading finds out, though it does not describe the data, which takes longer than all the rest of it."""
    found = fit(one_species(30, 0))
    cf.Fit(damaged(found.tree, name)).save(tmp_path / "fit.nc")
    with pytest.raises(cf.DataError, match="its record is damaged"):
        cf.Fit.load(tmp_path / "fit.nc")


@pytest.mark.slow
def test_a_file_is_loaded_without_being_described(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = fit(one_species(30, 0))
    found.save(tmp_path / "fit.nc")

    def described(*_: object, **__: object) -> None:
        raise AssertionError("described")

    with monkeypatch.context() as patched:
        patched.setattr("coulombfit.inference.fit_result.describe", described)
        back = cf.Fit.load(tmp_path / "fit.nc")
    assert back.description == found.description
    assert back.summary() == found.summary()


def test_too_few_runs_to_see_drift_are_told_and_are_no_doubt() -> None:
    verdict = "The data cannot tell whether training was stationary: changes by 0.8 are not excluded."
    known = {"answer": "the data cannot tell", "verdict": verdict}
    x = one_species(20, 0)
    seen = record_given(cf.Spectra(x, provenance={"stationarity": {**known, "excluded": 0.8}}), pooled=False)
    assert verdict not in doubts_about(seen)
    assert f"training: {verdict}" in describe_given(seen)
    copies = record_given(cf.Spectra(x, provenance={"stationarity": known}), pooled=False)
    assert verdict in doubts_about(copies)
