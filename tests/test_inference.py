"""fit(): what it returns, recovers and refuses."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import xarray as xr
from scipy import stats

import coulombfit as cf
from coulombfit.inference import _sampler

QUICK = cf.Sampling(warmup=300, draws=300)


@pytest.fixture(scope="module")
def two_species(pairs: np.ndarray) -> cf.Fit:
    return cf.fit(pairs, "two-species")


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
    assert dict(tree["log_likelihood"].sizes) == {"chain": 4, "draw": 250, "run": 3000}
    assert dict(tree["posterior_predictive"].sizes) == {"chain": 4, "draw": 25, "run": 3000, "level": 2}
    assert tree["prior"].sizes["draw"] == 1000
    for group in tree.children.values():
        for variable in group.to_dataset().values():
            assert variable.dtype != np.float32


def test_log_likelihood_is_that_of_the_law_in_units_of_the_data(two_species: cf.Fit, pairs: np.ndarray) -> None:
    stored = two_species.tree["log_likelihood"]["eigenvalues"].isel(chain=2, draw=100)
    draw = two_species.tree["posterior"].to_dataset().sel(chain=2, draw=int(stored["draw"]))
    with jax.enable_x64(True):
        law = cf.laws.TwoSpeciesPair(*(float(draw[name]) for name in ("centre", "sigma_1", "sigma_2")))
        exact = law.log_prob(np.sort(pairs, axis=1)[:, ::-1])
    np.testing.assert_allclose(stored, exact, rtol=1e-12)


def test_posterior_predictive_looks_like_the_data(two_species: cf.Fit, pairs: np.ndarray) -> None:
    predicted = two_species.tree["posterior_predictive"]["eigenvalues"]
    spacing = (predicted.isel(level=0) - predicted.isel(level=1)).to_numpy().ravel()
    observed = np.abs(np.diff(pairs, axis=1)).ravel()
    assert (spacing > 0).all()
    assert stats.ks_2samp(spacing, observed).pvalue > 1e-3


def test_the_posterior_is_the_one_quadrature_gives(few: np.ndarray) -> None:
    """One species: centre and ln σ on a grid, prior times likelihood, against the sampler's moments."""
    fit = cf.fit(few, "one-species", sampling=cf.Sampling(draws=4000))
    x = fit.observations
    location, scale = x.mean(), x.std()
    centre, log_sigma = np.meshgrid(
        location + scale * np.linspace(-1, 1, 401), np.log(scale) + np.linspace(-1.2, 0.8, 401)
    )
    n, sigma = len(x), np.exp(log_sigma)
    square = (x**2).sum() - 2 * centre * x.sum() + 2 * n * centre**2
    log_posterior = -3 * n * log_sigma - square / (2 * sigma**2)
    log_posterior += stats.norm.logpdf(centre, location, 2 * scale) + stats.norm.logpdf(log_sigma, np.log(scale), 1)
    weight = np.exp(log_posterior - log_posterior.max())
    weight /= weight.sum()
    table = fit.table()
    for name, value in {"centre": centre, "sigma": sigma}.items():
        mean = (weight * value).sum()
        sd = np.sqrt((weight * (value - mean) ** 2).sum())
        assert table.loc[name, "mean"] == pytest.approx(mean, abs=0.05 * sd)
        assert table.loc[name, "sd"] == pytest.approx(sd, rel=0.05)


def test_spacings_alone_give_the_mean_width(pairs: np.ndarray) -> None:
    fit = cf.fit(pairs, "one-species", "spacing", sampling=QUICK)
    row = fit.table().loc["sigma"]
    assert abs(row["mean"] - np.sqrt(0.001)) < 3 * row["sd"]
    assert set(fit.tree["posterior"].data_vars) == {"sigma", "mean_spacing"}
    assert fit.tree["log_likelihood"]["spacing"].dims == ("chain", "draw", "run")


def test_same_seed_same_draws_and_no_other(few: np.ndarray) -> None:
    fits = [cf.fit(few, "two-species", seed=seed, sampling=QUICK) for seed in (3, 3, 4)]
    xr.testing.assert_identical(fits[0].tree, fits[1].tree)
    assert not fits[0].tree["posterior"].equals(fits[2].tree["posterior"])


@pytest.mark.usefixtures("one_device")
def test_chains_in_turn_give_the_same_posterior_and_compile_once(few: np.ndarray) -> None:
    sampling = cf.Sampling(warmup=300, draws=500)
    first = cf.fit(few, "one-species", sampling=sampling)
    compiled = _sampler("one-species", "pair", sampling, False)
    assert compiled._cache_size() == 1
    cf.fit(few + 0.1, "one-species", sampling=sampling)
    assert compiled._cache_size() == 1
    assert first.diagnosis.checks[0].status == "passed"


def test_scale_and_origin_do_not_matter(few: np.ndarray) -> None:
    plain = cf.fit(few, "one-species", sampling=QUICK).table()
    tiny = cf.fit(1e-6 * few, "one-species", sampling=QUICK).table()
    np.testing.assert_allclose(tiny.loc["sigma", ["mean", "sd"]], 1e-6 * plain.loc["sigma", ["mean", "sd"]], rtol=1e-6)


def test_two_runs_are_enough_to_fit() -> None:
    fit = cf.fit([[4.1, 4.0], [4.2, 3.9]], "two-species", sampling=QUICK)
    assert np.isfinite(fit.table()["mean"]).all()


def test_the_callers_precision_is_left_alone(few: np.ndarray) -> None:
    assert jnp.ones(1).dtype == jnp.float32
    cf.fit(few, sampling=QUICK)
    assert jnp.ones(1).dtype == jnp.float32


def test_save_and_load(tmp_path, few: np.ndarray) -> None:
    fit = cf.fit(cf.Spectra(few, 0.1, 16, name="few"), sampling=QUICK)
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
    fit = cf.fit(cf.Spectra(few, learning_rate=0.1, name="few"), "two-species", sampling=QUICK)
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
        ({"model": "three-species"}, "model: expected one of 'gaussian', 'one-species', 'two-species', got 'three"),
        ({"likelihood": "levels"}, "likelihood: expected one of 'pair', 'spacing', got 'levels'"),
        ({"model": "two-species", "likelihood": "spacing"}, "model 'two-species' takes 'pair', got 'spacing'"),
        ({"sampler": "emcee"}, "sampler: expected one of 'nuts', got 'emcee'"),
        ({"seed": -1}, "seed: expected a non-negative integer, got -1"),
        ({"seed": True}, "seed: expected a non-negative integer, got True"),
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
