"""The density likelihood: right centre, corrected spread."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import coulombfit as cf
from benchmarks.coverage import TRUTHS, covered, fits
from coulombfit.inference.godambe import _information, _stretch, correct_draws
from coulombfit.models import MODELS, Standardisation
from simulators import ensembles

SAMPLING = cf.Sampling(chains=1, warmup=250, draws=800, target_accept=0.85)


def estimates_of(runs: int, datasets: int) -> np.ndarray:
    """Centre and ln σ of one species from the density alone, by Newton, over independent data sets."""
    model = MODELS["one-species"]
    draws = ensembles.one_species(centre=0.0, sigma=1.0, runs=runs * datasets, seed=4).reshape(datasets, runs, 2)

    def loss(at, levels):
        sites = model.from_coordinates(at, model.likelihood("density"), Standardisation())
        law = model.density(model.parameters(sites, Standardisation()))
        return -law.log_prob(levels).sum()

    def newton(levels):
        at = jnp.zeros(2)
        for _ in range(8):
            at = at - jnp.linalg.solve(jax.hessian(loss)(at, levels), jax.grad(loss)(at, levels))
        return at

    return np.asarray(jax.lax.map(newton, jnp.asarray(draws)))


@pytest.mark.usefixtures("float64")
@pytest.mark.slow
def test_godambe_information_predicts_the_scatter_of_estimates() -> None:
    """1500 data sets of 100 pairs; a standard deviation over them is known to 1.8 %, 3 standard errors are asked."""
    model, runs, datasets = MODELS["one-species"], 100, 1500
    estimates = estimates_of(runs, datasets)
    pairs = ensembles.one_species(centre=0.0, sigma=1.0, runs=100_000, seed=5)
    h, j = (
        matrix * runs
        for matrix in _information(model, model.likelihood("density"), np.zeros(2), pairs, Standardisation())
    )
    sandwich = np.linalg.inv(h) @ j @ np.linalg.inv(h)
    np.testing.assert_allclose(estimates.std(axis=0), np.sqrt(np.diag(sandwich)), rtol=0.055)
    naive = np.sqrt(np.diag(np.linalg.inv(h)))
    np.testing.assert_allclose(naive / np.sqrt(np.diag(sandwich)), [1.1325, 1.063], rtol=0.01)


def test_the_stretch_turns_one_covariance_into_the_other() -> None:
    rng = np.random.default_rng(0)
    h, j = (a @ a.T + np.eye(3) for a in rng.normal(size=(2, 3, 3)))
    omega = _stretch(h, j)
    np.testing.assert_allclose(omega @ np.linalg.inv(h) @ omega.T, np.linalg.inv(h) @ j @ np.linalg.inv(h), rtol=1e-10)
    np.testing.assert_allclose(_stretch(h, h), np.eye(3), atol=1e-12)


@pytest.mark.slow
def test_corrected_intervals_are_narrower_about_the_same_mean() -> None:
    pairs = ensembles.one_species(centre=4.0, sigma=0.04, runs=2000, seed=6)
    raw, by_runs, pooled = (
        cf.fit(data, "one-species", likelihood, sampler="nuts", sampling=cf.Sampling(chains=2, draws=2000)).table()
        for data, likelihood in ((pairs, "density-raw"), (pairs, "density"), (pairs.ravel(), "density"))
    )
    for name, ratio in (("centre", 1.1325), ("sigma", 1.063)):
        assert by_runs.loc[name, "mean"] == pytest.approx(raw.loc[name, "mean"], abs=0.05 * raw.loc[name, "sd"])
        assert pooled.loc[name, "mean"] == pytest.approx(raw.loc[name, "mean"], abs=0.15 * raw.loc[name, "sd"])
        # J is estimated from 2000 runs, the sd from some 2000 draws
        assert raw.loc[name, "sd"] / by_runs.loc[name, "sd"] == pytest.approx(ratio, rel=0.08)
        assert raw.loc[name, "sd"] / pooled.loc[name, "sd"] == pytest.approx(ratio, rel=0.06)


@pytest.mark.parametrize("model", ["two-species", "anisotropic"])
def test_coordinates_are_inverted(model: str) -> None:
    chosen = MODELS[model]
    with jax.enable_x64(True):
        sites = {"centre": jnp.array([0.1, -2.0]), "sigma_m": jnp.array([0.3, 2.0]), "q": jnp.array([0.2, -0.99])}
        density = chosen.likelihood("density")
        back = chosen.from_coordinates(chosen.coordinates(sites, density), density, Standardisation())
    for name in ("centre", "sigma_m"):
        np.testing.assert_allclose(back[name], sites[name], rtol=1e-12)
    np.testing.assert_allclose(back["q"], np.abs(sites["q"]), rtol=1e-12)


@pytest.mark.long
@pytest.mark.parametrize(("model", "runs"), [("one-species", 3), ("gaussian", 10)])
def test_a12_few_runs_are_covered_by_the_density(model: str, runs: int) -> None:
    """1000 data sets. At a true 90 %, 86 to 94 % have a false-alarm rate below 1e-4 a number; at 80 % a power of 1."""
    many = fits(model, "density", runs, 1000)
    shares = covered(many.table, TRUTHS[model]).mean()
    assert shares.between(0.86, 0.94).all(), shares
    assert many.fits["enough_runs"].all()
    assert "too few runs for this likelihood: 3" in fits("gaussian", "density", 3, 2).verdict


def test_a12_few_runs_do_not_say_how_levels_depend_on_each_other() -> None:
    """Three runs whose scores nearly cancel, as they do at an estimate: the spread is that of simulated pairs."""
    model = MODELS["one-species"]
    rng = np.random.default_rng(0)
    with jax.enable_x64(True):
        sites = {"centre": jnp.asarray(0.1 * rng.normal(size=2000)), "sigma": jnp.exp(0.1 * rng.normal(size=2000))}
        # every run is centred: none of them says that sums of levels vary
        levels = np.array([[1.0, -1.0], [1.4, -1.4], [0.5, -0.5]])
        of = (model, model.likelihood("density"), sites, levels, Standardisation())
        found = correct_draws(*of, jax.random.key(0), pooled=False)
        alone = correct_draws(*of, jax.random.key(0), pooled=True)
        before, narrower, expected = (float(each["centre"].std()) for each in (sites, found, alone))
    assert narrower / before == pytest.approx(1 / 1.1325, rel=0.05)
    assert narrower == pytest.approx(expected, rel=0.03)


@pytest.mark.slow
def test_levels_of_unknown_pairing() -> None:
    pairs = ensembles.one_species(centre=4.0, sigma=0.04, runs=50, seed=7)
    levels = np.random.default_rng(0).permutation(pairs.ravel())
    fit = cf.fit(levels, "one-species", "density", sampler="nuts", sampling=SAMPLING)
    assert "100 levels, pairing unknown" in fit.summary()
    other = cf.fit(levels, "gaussian", "density", sampler="nuts", sampling=SAMPLING)
    with pytest.raises(ValueError, match="pairing is not known; comparison needs the runs"):
        cf.compare({"one": fit, "gaussian": other})
    with pytest.raises(cf.DataError, match="whole pairs, an even number, got 99"):
        cf.fit(levels[1:], "one-species", "density")
    with pytest.raises(cf.DataError, match=r"expected pairs, shape .* got 1 level"):
        cf.fit(levels, "one-species", "pair")


@pytest.mark.slow
def test_the_predictive_of_a_density_fit_repels() -> None:
    """New observations come from the pair law, whatever part of it the likelihood looked at."""
    pairs = ensembles.one_species(centre=4.0, sigma=0.04, runs=200, seed=8)
    fit = cf.fit(pairs, "one-species", "density", sampler="nuts", sampling=SAMPLING)
    new = fit.tree["posterior_predictive"]["eigenvalues"].to_numpy()
    spacing = (new[..., 0] - new[..., 1]).ravel() / 0.04
    # Wigner surmise: P(S < 0.2σ) = 1 %; without repulsion it would be 11 %
    assert 0.003 < np.mean(spacing < 0.2) < 0.02
