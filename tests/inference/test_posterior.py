"""fit(): what it returns and recovers, against quadrature and simulated networks."""

import jax
import numpy as np
import pytest
from scipy import stats

import coulombfit as cf
from simulators import teacher_student


@pytest.fixture(scope="module")
def several(pairs: np.ndarray) -> np.ndarray:
    return pairs[:600]


@pytest.fixture(scope="module")
def two_species(several: np.ndarray) -> cf.Fit:
    return cf.fit(several, "two-species", sampler="nuts")


@pytest.mark.slow
def test_two_species_are_recovered(two_species: cf.Fit) -> None:
    table = two_species.table()
    truth = {"centre": 4.0, "sigma_1": 0.04, "sigma_2": 0.02, "sigma_m": np.sqrt(0.001), "r": 0.6}
    for name, value in truth.items():
        assert abs(table.loc[name, "mean"] - value) < 3 * table.loc[name, "sd"], name
    assert table["r_hat"].max() <= 1.01
    assert two_species.diagnosis.passed, str(two_species.diagnosis)


@pytest.mark.slow
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


@pytest.mark.parametrize("runs", [pytest.param(3, marks=pytest.mark.slow), 40])
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
