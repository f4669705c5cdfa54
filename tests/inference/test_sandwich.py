"""Posteriors of many levels whose spread comes from the runs."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from scipy import stats

import coulombfit as cf
from coulombfit.inference.preparation import ask, prepare
from coulombfit.inference.sandwich import climb, score_runs
from coulombfit.runtime.precision import double_precision
from coulombfit.samplers.settings import DEFAULT
from simulators import dyson, ensembles, teacher_student

CENTRES = np.array([4.45, 4.2, 4.0])


@pytest.fixture(scope="module")
def three() -> cf.Spectra:
    return cf.Spectra(ensembles.perturbed(levels=CENTRES, widths=0.1, runs=150, seed=1), name="three")


@pytest.fixture(scope="module")
def fit(three: cf.Spectra) -> cf.Fit:
    return cf.fit(three, "levels")


def _draws(fit: cf.Fit, name: str) -> np.ndarray:
    values = fit.parameters[name]
    return values.reshape(-1, values.shape[-1])


def test_a_lone_level_has_students_interval() -> None:
    """Of one level the law is Gaussian: the centre has the t interval of a mean, σ the sd of the data."""
    x = 3.0 + 0.2 * stats.norm.ppf((np.arange(12) + 0.5) / 12)[:, None]
    fit = cf.fit(cf.Spectra(x, clusters="single"), "levels")
    centre, sigma = _draws(fit, "centre")[:, 0], _draws(fit, "sigma")[:, 0]
    sd = x.std(ddof=1)
    wanted = 3.0 + stats.t.ppf([0.05, 0.5, 0.95], 11) * sd / np.sqrt(12)
    np.testing.assert_allclose(np.quantile(centre, [0.05, 0.5, 0.95]), wanted, atol=0.06 * sd / np.sqrt(12) * 2)
    assert np.median(sigma) == pytest.approx(x.std(), rel=0.03)


def test_centres_are_those_of_the_fixed_matrix(fit: cf.Fit) -> None:
    """Means are off by up to a third of a width; centres by what their sd says (z below 3.5)."""
    assert fit.ok
    centre = _draws(fit, "centre")
    z = (centre.mean(axis=0) - CENTRES) / centre.std(axis=0)
    assert (np.abs(z) < 3.5).all()
    # of the outer levels, which are pushed one way
    means = fit.observations.mean(axis=0)
    assert (np.abs(means - CENTRES) > 3 * np.abs(centre.mean(axis=0) - CENTRES))[[0, 2]].all()


def test_the_tree_says_what_is_what(fit: cf.Fit) -> None:
    posterior = fit.tree["posterior"].to_dataset()
    assert {name: posterior[name].dims for name in ("centre", "sigma")} == dict.fromkeys(
        ("centre", "sigma"), ("chain", "draw", "level")
    )
    assert "log_likelihood" not in fit.tree.children
    assert fit.log_evidence is None
    summary = str(fit.summary())
    assert "grouping: every level by itself, as this likelihood takes levels at any distance" in summary
    assert "likelihood: conditionals; sampler: sandwich; seed 0" in summary
    assert "gain left at the maximum" in summary


@pytest.mark.slow
def test_a_run_held_out_is_foretold_as_by_a_fit_without_it(three: cf.Spectra) -> None:
    """To first order in 1/n: refits without one of 40 runs, which differ from the whole by ten times as much."""
    question = ask("levels", None, DEFAULT, None, 0)
    x = three.eigenvalues[:40]
    with double_precision():
        prepared = prepare(cf.Spectra(x), question)
        arguments = (prepared.model, question.likelihood)
        whole = climb(*arguments, x, prepared.unit)
        scores = score_runs(*arguments, whole, prepared.unit)
        error, change = [], []
        for run in range(0, 40, 8):
            without = climb(*arguments, np.delete(x, run, axis=0), prepared.unit)
            there = score_runs(*arguments, whole._replace(point=without.point), prepared.unit)["fitted"][run]
            error.append(scores["held_out"][run] - there)
            change.append(scores["fitted"][run] - there)
    assert np.abs(error).max() < 0.2 * np.abs(change).max()
    assert 4 < (scores["fitted"] - scores["held_out"]).sum() < 9  # six numbers were fitted


@pytest.mark.slow
def test_the_gas_is_compared_by_scores_held_out(three: cf.Spectra, fit: cf.Fit) -> None:
    gas = cf.fit(three, "gas", "conditionals")
    comparison = cf.compare({"gas": gas, "levels": fit})
    assert comparison.table["pareto_k_bad"].sum() == 0
    assert comparison.table["p_loo"].between(4, 9).all()
    assert abs(comparison.table["elpd_diff"]).max() < 5  # at gaps of 2 σ, 150 runs hardly tell them apart
    assert "posterior_predictive" not in gas.tree.children


def test_places_of_levels_describe_the_data(fit: cf.Fit, three: cf.Spectra) -> None:
    assert str(fit.description.answer) == "yes"
    far = three.eigenvalues.copy()
    far[:8, 0] += 0.5
    described = cf.fit(far, "levels").description
    assert str(described.answer) == "no"
    assert "level 0" in described.verdict


def test_what_cannot_be_asked_is_refused(three: cf.Spectra) -> None:
    with pytest.raises(cf.ArgumentError, match="sampler: likelihood 'conditionals' takes its spread from the runs"):
        cf.fit(three, "levels", sampler="nuts")
    with pytest.raises(cf.DataError, match="distinct levels"):
        cf.fit(np.repeat(three.eigenvalues[:, :1], 2, axis=1) + np.array([0.0, 0.0]), "levels")


@pytest.mark.slow
def test_levels_known_to_be_degenerate_share_a_centre() -> None:
    x = ensembles.perturbed(levels=[4.6, 4.0, 4.0], widths=0.1, runs=100, seed=3)
    fit = cf.fit(cf.Spectra(x, clusters=[[0], [1, 2]]), "levels")
    assert _draws(fit, "centre").shape[1] == 2
    z = (_draws(fit, "centre").mean(axis=0) - [4.6, 4.0]) / _draws(fit, "centre").std(axis=0)
    assert (np.abs(z) < 3.5).all()


def test_files_are_read_back(fit: cf.Fit, tmp_path: Path) -> None:
    fit.save(tmp_path / "fit.nc")
    again = cf.Fit.load(tmp_path / "fit.nc")
    assert str(again.summary()) == str(fit.summary())
    assert again.record.integral is None


@pytest.mark.slow
def test_many_are_fitted_as_each_alone(three: cf.Spectra, fit: cf.Fit) -> None:
    other = ensembles.perturbed(levels=CENTRES, widths=0.2, runs=60, seed=5)
    many = cf.fit_many([other, three], "levels")
    np.testing.assert_array_equal(
        many.tree["posterior"]["centre"].sel(spectrum="three").to_numpy(), fit.tree["posterior"]["centre"].to_numpy()
    )
    assert many.fits["log_evidence"].isna().all()


@pytest.mark.long
@pytest.mark.parametrize("gap", [1.5, 2.5, 4.0])
def test_intervals_cover_at_any_distance(gap: float) -> None:
    """Ten levels, 300 sets of 200 runs: 90 % intervals cover 87 to 93 %, all centres and all widths together."""
    truth = {"centre": 3.0 + 0.1 * gap * np.arange(10)[::-1], "sigma": np.full(10, 0.1)}
    sets = [ensembles.perturbed(levels=truth["centre"], widths=0.1, runs=200, seed=seed) for seed in range(300)]
    posterior = cf.fit_many(sets, "levels").tree["posterior"].to_dataset()
    for name, true in truth.items():
        lower, upper = _interval(posterior[name], 300)
        assert 0.87 < ((lower < true) & (true < upper)).mean() < 0.93


@pytest.mark.long
@pytest.mark.parametrize("model", ["gas", "gas-beta"])
def test_intervals_of_a_gas_cover_from_30_runs_on(model: str) -> None:
    """400 sets of 30 runs by Dyson dynamics, three levels two widths apart: all centres, and all widths, together.

    That of β is too wide, at 100 runs still (96.3 %): why is not known.
    """
    truth = {"centre": np.array([4.2, 4.0, 3.8]), "sigma": np.full(3, 0.1), "beta": np.ones(1)}
    run = dyson.simulate(centres=truth["centre"], widths=0.1, runs=12_000, steps=300, seed=30)
    sets = [cf.Spectra(x, clusters="single") for x in run.eigenvalues[:, -1].reshape(400, 30, 3)]
    posterior = cf.fit_many(sets, model, "conditionals").tree["posterior"].to_dataset()
    for name, true in truth.items():
        if name in posterior:
            lower, upper = _interval(
                posterior[name] if name != "beta" else posterior[name].expand_dims("level", -1), 400
            )
            rate = ((lower < true) & (true < upper)).mean()
            assert 0.86 < rate < (0.99 if name == "beta" else 0.93), (name, rate)


def _interval(values: xr.DataArray, sets: int) -> tuple[np.ndarray, np.ndarray]:
    lower, upper = np.quantile(values.to_numpy().reshape(sets, -1, values.shape[-1]), [0.05, 0.95], axis=1)
    return lower, upper


@pytest.mark.long
def test_students_have_the_levels_of_their_teacher() -> None:
    """4×4 students of split teachers, 2500 runs: centres within 0.06 σ of κ + N v, where Eq. 7 is off by 0.3 σ."""
    kappa = np.array([4.32, 4.16, 4.0, 3.7])
    setting: Mapping = {"kappa": kappa.tolist(), "learning_rate": 0.1, "noise": 0.1}
    run = teacher_student.simulate(**setting, runs=2500, steps=400, seed=2)
    x = run.eigenvalues[:, -1]
    sigma = teacher_student.widths(**setting)
    v = sigma**2 / (4 * kappa)
    truth = kappa + 4 * v
    levels, gas = (cf.fit(x, name, "conditionals") for name in ("levels", "gas"))
    off = {fit.model.name: (_draws(fit, "centre").mean(axis=0) - truth) / sigma for fit in (levels, gas)}
    assert np.abs(off["levels"]).max() < 0.06 + 3 * 0.03
    assert (np.abs(off["gas"][[0, 2, 3]]) > 0.2).all()
