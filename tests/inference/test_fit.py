"""fit(): what it takes, keeps, repeats and refuses."""

import jax.numpy as jnp
import numpy as np
import pytest
import xarray as xr

import coulombfit as cf
from coulombfit.answers.numbers import make_rounder
from simulators import ensembles
from tests.compilations import compilations

QUICK = cf.Sampling(warmup=300, draws=300)


@pytest.mark.slow
def test_a_handful_of_runs_converges() -> None:
    """The gate does not fail honest small data: 6 data sets of 5 and 10 runs."""
    for seed in range(3):
        for runs in (5, 10):
            x = ensembles.two_species(centre=4.0, sigma_1=0.04, sigma_2=0.02, runs=runs, seed=seed)
            diagnosis = cf.fit(x, "two-species", seed=seed).diagnosis
            assert diagnosis.passed, (seed, runs, str(diagnosis))


@pytest.mark.slow
def test_spacings_alone_give_the_mean_width(pairs: np.ndarray) -> None:
    fit = cf.fit(pairs, "one-species", "spacing", sampler="laplace")
    row = fit.table().loc["sigma"]
    assert abs(row["mean"] - np.sqrt(0.001)) < 3 * row["sd"]
    assert set(fit.tree["posterior"].data_vars) == {"sigma", "mean_spacing"}
    assert fit.tree["log_likelihood"]["spacing"].dims == ("chain", "draw", "run")


@pytest.mark.slow
def test_same_seed_same_draws_and_no_other(few: np.ndarray) -> None:
    fits = [cf.fit(few, "two-species", seed=seed, sampler="nuts", sampling=QUICK) for seed in (3, 3, 4)]
    xr.testing.assert_identical(fits[0].tree, fits[1].tree)
    assert not fits[0].tree["posterior"].equals(fits[2].tree["posterior"])


@pytest.mark.slow
@pytest.mark.parametrize(("model", "sampler"), [("one-species", "nuts"), ("gaussian", "laplace")])
def test_a_second_fit_of_data_of_one_shape_compiles_nothing(few: np.ndarray, model: str, sampler: str) -> None:
    settings = {"sampler": sampler, "sampling": cf.Sampling(warmup=120, draws=150)}
    with compilations() as first:
        cf.fit(few, model, **settings)
    with compilations() as second:
        cf.fit(few[::-1] + 0.1, model, **settings, seed=1)
    assert first
    assert not second


def test_scale_does_not_matter(few: np.ndarray) -> None:
    plain, tiny = (cf.fit(scale * few, "one-species", sampler="laplace").table() for scale in (1.0, 1e-6))
    # points are turned by the data, and so differ
    assert (np.abs(1e6 * tiny["mean"] - plain["mean"]) < 0.1 * plain["sd"]).all()
    np.testing.assert_allclose(tiny["sd"], 1e-6 * plain["sd"], rtol=0.05)


@pytest.mark.parametrize("factor", [1e-170, 1e150])
def test_no_scale_is_too_small_or_large(few: np.ndarray, factor: float) -> None:
    table = cf.fit(factor * few, "one-species", sampler="nuts", sampling=QUICK).table()
    assert table.loc["sigma", "mean"] == pytest.approx(0.04 * factor, rel=0.5)


def test_numbers_beyond_double_precision_are_refused() -> None:
    with pytest.raises(cf.DataError, match=r"eigenvalues: expected at most 1e\+290, got 1.7e\+308"):
        cf.fit([[1.7e308, 1e308], [1.6e308, 1.1e308]])


def test_every_likelihood_draw_is_kept_where_that_is_asked_for(few: np.ndarray) -> None:
    tree = cf.fit(few, sampler="laplace", sampling=cf.Sampling(draws=333, per_run_draws=250, predictive_draws=333)).tree
    assert tree["log_likelihood"].sizes["draw"] == 250
    assert tree["posterior_predictive"].sizes["draw"] == 333
    assert list(tree["log_likelihood"]["draw"].to_numpy()[[0, -1]]) == [0, 332]


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"chains": 0}, "chains: expected a whole number above 0, got 0"),
        ({"per_run_draws": 0}, "per_run_draws: expected a whole number above 0"),
        ({"target_accept": 1.5}, "target_accept: expected a number between 0 and 1, got 1.5"),
    ],
)
def test_sampling_settings_are_checked(setting, message) -> None:
    with pytest.raises(ValueError, match=message):
        cf.Sampling(**setting)


def test_numbers_are_rounded_to_their_error() -> None:
    assert make_rounder(0.00025)(0.0327394) == "0.03274"
    assert make_rounder(12.0)(34567.8) == "34568"
    assert make_rounder(1200.0)(34567.8) == "3.46e+04"
    assert make_rounder(2.5e-12)(3.27394e-10) == "3.274e-10"
    assert make_rounder(float("nan"))(1.5) == "1.5"


@pytest.mark.slow
def test_two_runs_are_enough_to_fit() -> None:
    fit = cf.fit([[4.1, 4.0], [4.2, 3.9]], "two-species", sampler="nuts", sampling=QUICK)
    assert np.isfinite(fit.table()["mean"]).all()


def test_the_callers_precision_is_left_alone(few: np.ndarray) -> None:
    assert jnp.ones(1).dtype == jnp.float32
    cf.fit(few, sampler="nuts", sampling=QUICK)
    assert jnp.ones(1).dtype == jnp.float32


def test_save_and_load(tmp_path, few: np.ndarray) -> None:
    fit = cf.fit(cf.Spectra(few, 0.1, 16, name="few"), sampler="nuts", sampling=QUICK)
    fit.save(tmp_path / "fit.nc")
    back = cf.Fit.load(tmp_path / "fit.nc")
    xr.testing.assert_identical(fit.tree, back.tree)
    assert str(back.summary()) == str(fit.summary())
    back.save(tmp_path / "fit.nc")
    with pytest.raises(FileNotFoundError, match="no such file"):
        cf.Fit.load(tmp_path / "nowhere.nc")
    cf.Spectra(few).save(tmp_path / "spectra.nc")
    with pytest.raises(cf.DataError, match=r"expected a fit made by coulombfit.fit"):
        cf.Fit.load(tmp_path / "spectra.nc")
    (tmp_path / "junk.nc").write_text("junk")
    with pytest.raises(cf.DataError, match="cannot read a fit"):
        cf.Fit.load(tmp_path / "junk.nc")


def test_summary_has_parameters_priors_and_gate(few: np.ndarray) -> None:
    fit = cf.fit(cf.Spectra(few, learning_rate=0.1, name="few"), "two-species", sampler="nuts", sampling=QUICK)
    text = fit.summary()
    for part in (
        "few, 40 runs, learning_rate 0.1",
        "sigma_1",
        "mean_spacing",
        "r ~ Uniform(0, 1)",
        "LogNormal",
        "R-hat",
    ):
        assert part in text
    assert repr(text) == str(text)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"model": "three-species"},
            "model: expected one of 'gaussian', 'one-species', 'two-species', 'anisotropic', .* got 'three",
        ),
        ({"likelihood": "level"}, "likelihood: expected one of 'pair', 'density', .*, got 'level'"),
        (
            {"model": "two-species", "likelihood": "spacing"},
            "model 'two-species' takes 'pair', 'density', 'density-raw', got 'spacing'",
        ),
        ({"sampler": "emcee"}, "sampler: expected one of 'nuts', 'laplace', got 'emcee'"),
        ({"seed": -1}, "seed: expected a whole number from 0 to .*, got -1"),
        ({"seed": 2**70}, "seed: expected a whole number from 0 to .*, got 118"),
        ({"seed": True}, "seed: expected a whole number from 0 to .*, got True"),
    ],
)
def test_wrong_arguments_are_named(few: np.ndarray, arguments, message) -> None:
    with pytest.raises(ValueError, match=message):
        cf.fit(few, **arguments)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ([[4.1, 4.0], [4.2, 4.2], [4.3, 4.0]], r"got 1 tied \(S = 0\), first in run 1"),
        ([[4.1, 4.0, 1.0], [4.2, 4.0, 1.0]], r"expected pairs, shape \(run, 2\), got 3 level"),
        ([[4.1], [4.2]], r"expected pairs, shape \(run, 2\), got 1 level"),
        ([[4.1, 4.0]], "at least 2 runs"),
        ([[4.1, np.nan], [4.2, 4.0]], "finite"),
    ],
)
def test_data_that_are_no_pairs_are_refused(data, message) -> None:
    with pytest.raises(cf.DataError, match=message):
        cf.fit(data)
