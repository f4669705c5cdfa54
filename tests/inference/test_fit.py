"""fit(): what it returns, recovers and refuses."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import xarray as xr
from scipy import stats

import coulombfit as cf
from coulombfit.answers.numbers import make_rounder
from simulators import ensembles, teacher_student
from tests.compilations import compilations

QUICK = cf.Sampling(warmup=300, draws=300)


@pytest.fixture(scope="module")
def several(pairs: np.ndarray) -> np.ndarray:
    return pairs[:600]


@pytest.fixture(scope="module")
def two_species(several: np.ndarray) -> cf.Fit:
    return cf.fit(several, "two-species", sampler="nuts")


def test_two_species_are_recovered(two_species: cf.Fit) -> None:
    table = two_species.table()
    truth = {"centre": 4.0, "sigma_1": 0.04, "sigma_2": 0.02, "sigma_m": np.sqrt(0.001), "r": 0.6}
    for name, value in truth.items():
        assert abs(table.loc[name, "mean"] - value) < 3 * table.loc[name, "sd"], name
    assert table["r_hat"].max() <= 1.01
    assert two_species.diagnosis.passed, str(two_species.diagnosis)


def test_parameters_belong_together(two_species: cf.Fit) -> None:
    draws = two_species.tree["posterior"]
    assert (draws["sigma_1"] >= draws["sigma_2"]).all()
    np.testing.assert_allclose(draws["sigma_m"] ** 2, (draws["sigma_1"] ** 2 + draws["sigma_2"] ** 2) / 2, rtol=1e-13)
    np.testing.assert_allclose(draws["mean_spacing"], np.sqrt(np.pi) * draws["sigma_m"], rtol=1e-13)
    # each mode of the signed asymmetry was visited or not: the report must not depend on it
    assert float(draws["r"].min()) >= 0


def test_the_tree_has_every_group_with_named_dimensions(two_species: cf.Fit) -> None:
    tree = two_species.tree
    assert set(tree.children) == {
        "posterior",
        "prior",
        "posterior_predictive",
        "log_likelihood",
        "sample_stats",
        "observed_data",
    }
    assert dict(tree["posterior"].sizes) == {"chain": 4, "draw": 1000}
    assert dict(tree["log_likelihood"].sizes) == {"chain": 4, "draw": 250, "run": 600}
    assert dict(tree["posterior_predictive"].sizes) == {"chain": 4, "draw": 25, "run": 600, "level": 2}
    assert tree["prior"].sizes["draw"] == 1000
    for group in tree.children.values():
        for variable in group.to_dataset().values():
            assert variable.dtype != np.float32


def test_log_likelihood_is_that_of_the_law_in_units_of_the_data(two_species: cf.Fit, several: np.ndarray) -> None:
    stored = two_species.tree["log_likelihood"]["eigenvalues"].isel(chain=2, draw=100)
    draw = two_species.tree["posterior"].to_dataset().sel(chain=2, draw=int(stored["draw"]))
    with jax.enable_x64(True):
        law = cf.laws.TwoSpeciesPair(*(float(draw[name]) for name in ("centre", "sigma_1", "sigma_2")))
        exact = law.log_prob(np.sort(several, axis=1)[:, ::-1])
    np.testing.assert_allclose(stored, exact, rtol=1e-12)


def test_posterior_predictive_looks_like_the_data(two_species: cf.Fit, several: np.ndarray) -> None:
    predicted = two_species.tree["posterior_predictive"]["eigenvalues"]
    spacing = (predicted.isel(level=0) - predicted.isel(level=1)).to_numpy().ravel()
    observed = np.abs(np.diff(several, axis=1)).ravel()
    assert (spacing > 0).all()
    assert stats.ks_2samp(spacing, observed).pvalue > 1e-3


def grid_moments(axes: list[np.ndarray], log_posterior, values: dict) -> dict[str, tuple[float, float]]:
    """Mean and sd of functions of the parameters, by summing the posterior over a grid."""
    grid = np.meshgrid(*axes, indexing="ij")
    weight = log_posterior(*grid)
    weight = np.exp(weight - weight.max())
    weight /= weight.sum()
    moments = {}
    for name, function in values.items():
        value = function(*grid)
        mean = (weight * value).sum()
        moments[name] = float(mean), float(np.sqrt((weight * (value - mean) ** 2).sum()))
    return moments


@pytest.mark.parametrize("runs", [3, 40])
def test_the_posterior_is_the_one_quadrature_gives(few: np.ndarray, runs: int) -> None:
    """With three runs the priors matter, and are those the summary prints."""
    fit = cf.fit(few[:runs], "one-species", sampler="nuts", sampling=cf.Sampling(draws=5000))
    x = fit.observations
    location, scale = x.mean(), x.std()

    def log_posterior(centre, log_sigma):
        square = (x**2).sum() - 2 * centre * x.sum() + x.size * centre**2
        likelihood = -3 * len(x) * log_sigma - square / (2 * np.exp(2 * log_sigma))
        prior = stats.norm.logpdf(centre, location, 2 * scale) + stats.norm.logpdf(log_sigma, np.log(scale), 1)
        return likelihood + prior

    axes = [location + scale * np.linspace(-6, 6, 1201), np.log(scale) + np.linspace(-2, 3, 601)]
    exact = grid_moments(axes, log_posterior, {"centre": lambda c, s: c, "sigma": lambda c, s: np.exp(s)})
    table = fit.table()
    for name, (mean, sd) in exact.items():
        assert table.loc[name, "mean"] == pytest.approx(mean, abs=0.04 * sd)
        assert table.loc[name, "sd"] == pytest.approx(sd, rel=0.05)


@pytest.mark.slow
def test_the_posterior_of_two_species_is_the_one_quadrature_gives(few: np.ndarray) -> None:
    """On a grid over centre, ln σ_m and r, with the law written out again."""
    fit = cf.fit(few[:6], "two-species", sampler="nuts", sampling=cf.Sampling(draws=5000))
    x = fit.observations
    location, scale = x.mean(), x.std()

    def log_posterior(centre, log_sigma_m, r):
        sigma_m = np.exp(log_sigma_m)
        wide, narrow = sigma_m**2 * (1 + r), sigma_m**2 * (1 - r)
        total = stats.norm.logpdf(centre, location, 2 * scale) + stats.norm.logpdf(log_sigma_m, np.log(scale), 1)
        for x1, x2 in x:
            d1, d2 = (x1 - centre) ** 2 / 2, (x2 - centre) ** 2 / 2
            total = total + np.logaddexp(-d1 / wide - d2 / narrow, -d1 / narrow - d2 / wide)
            total = total - 0.5 * np.log(wide * narrow) - log_sigma_m
        return total

    axes = [
        location + scale * np.linspace(-4, 4, 161),
        np.log(scale) + np.linspace(-1.5, 2, 141),
        (np.arange(200) + 0.5) / 200,
    ]
    values = {
        "centre": lambda c, s, r: c,
        "sigma_m": lambda c, s, r: np.exp(s),
        "r": lambda c, s, r: r,
        "sigma_2": lambda c, s, r: np.exp(s) * np.sqrt(1 - r),
    }
    table = fit.table()
    for name, (mean, sd) in grid_moments(axes, log_posterior, values).items():
        assert table.loc[name, "mean"] == pytest.approx(mean, abs=0.06 * sd), name
        assert table.loc[name, "sd"] == pytest.approx(sd, rel=0.06), name


@pytest.mark.slow
def test_prior_draws_follow_the_priors_in_words(few: np.ndarray) -> None:
    fit = cf.fit(few, "two-species", sampler="nuts", sampling=cf.Sampling(warmup=50, draws=4000))
    prior = {name: draws.to_numpy().ravel() for name, draws in fit.tree["prior"].to_dataset().items()}
    location, scale = fit.unit.location, fit.unit.scale
    words = fit.model.priors(fit.unit, "pair")
    assert words == {
        "centre": f"Normal(mean {location:.6g}, sd {2 * scale:.3g})",
        "sigma_m": f"LogNormal(median {scale:.3g}, sd of its logarithm 1)",
        "r": "Uniform(0, 1)",
    }
    assert stats.kstest(prior["centre"], stats.norm(location, 2 * scale).cdf).pvalue > 1e-3
    assert stats.kstest(np.log(prior["sigma_m"]), stats.norm(np.log(scale), 1).cdf).pvalue > 1e-3
    assert stats.kstest(prior["r"], stats.uniform.cdf).pvalue > 1e-3


@pytest.mark.slow
def test_a_handful_of_runs_converges() -> None:
    """The gate does not fail honest small data: 6 data sets of 5 and 10 runs."""
    for seed in range(3):
        for runs in (5, 10):
            x = ensembles.two_species(centre=4.0, sigma_1=0.04, sigma_2=0.02, runs=runs, seed=seed)
            diagnosis = cf.fit(x, "two-species", seed=seed).diagnosis
            assert diagnosis.passed, (seed, runs, str(diagnosis))


def test_spacings_alone_give_the_mean_width(pairs: np.ndarray) -> None:
    fit = cf.fit(pairs, "one-species", "spacing", sampler="laplace")
    row = fit.table().loc["sigma"]
    assert abs(row["mean"] - np.sqrt(0.001)) < 3 * row["sd"]
    assert set(fit.tree["posterior"].data_vars) == {"sigma", "mean_spacing"}
    assert fit.tree["log_likelihood"]["spacing"].dims == ("chain", "draw", "run")


def test_same_seed_same_draws_and_no_other(few: np.ndarray) -> None:
    fits = [cf.fit(few, "two-species", seed=seed, sampler="nuts", sampling=QUICK) for seed in (3, 3, 4)]
    xr.testing.assert_identical(fits[0].tree, fits[1].tree)
    assert not fits[0].tree["posterior"].equals(fits[2].tree["posterior"])


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
            "model: expected one of 'gaussian', 'one-species', 'two-species', 'anisotropic', 'gas', .* got 'three",
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


@pytest.mark.long
@pytest.mark.parametrize(("layer", "seed"), [("Z_EQ26", 1), ("Z_EQ27", 2)])
def test_students_with_a_hidden_layer_are_anisotropic(layer: str, seed: int) -> None:
    """5000 networks at stationarity: linear response within 3 sd, and what the labelled gas makes of them."""
    setting = {"Z": getattr(teacher_student, layer), "kappa": 4.0, "learning_rate": 0.1, "noise": 0.1}
    x = teacher_student.simulate(**setting, runs=5000, steps=8000, seed=seed).eigenvalues[:, -1]
    sigma_1, sigma_2 = teacher_student.widths(**setting)
    sampling = cf.Sampling(warmup=300, draws=400, target_accept=0.9, per_run_draws=100)
    fits = {model: cf.fit(x, model, sampler="nuts", sampling=sampling) for model in ("two-species", "anisotropic")}
    table = fits["anisotropic"].table()
    for name, truth in {"sigma_1": sigma_1, "sigma_2": sigma_2, "sigma_m": np.hypot(sigma_1, sigma_2) / 2**0.5}.items():
        assert abs(table.loc[name, "mean"] - truth) < 3 * table.loc[name, "sd"], name
    per_run = cf.compare(fits).pointwise
    assert float((per_run["anisotropic"] - per_run["two-species"]).sum()) > 1000
    # the bias of the labelled gas: sigma_1 by -14 %, sigma_2 by a factor of three to six, sigma_m by -6 to -10 %
    for likelihood, factors in (("pair", (0.86, 3.7, 0.935)), ("density", (0.855, 2.9, 0.90))):
        biased = (
            fits["two-species"]
            if likelihood == "pair"
            else cf.fit(x, "two-species", likelihood, sampler="nuts", sampling=sampling)
        )
        means = biased.table()["mean"]
        assert means["sigma_1"] / sigma_1 == pytest.approx(factors[0], abs=0.03)
        assert means["sigma_2"] / sigma_2 > factors[1]
        assert means["sigma_m"] / np.hypot(sigma_1, sigma_2) * 2**0.5 == pytest.approx(factors[2], abs=0.03)
