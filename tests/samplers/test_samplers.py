"""Importance sampling and Markov chains give the same posterior, and what stands behind both."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpyro.infer.util import potential_energy
from scipy import stats

import coulombfit as cf
from coulombfit.inference.log_posterior import log_posterior
from coulombfit.models import MODELS
from coulombfit.numerics.compression import uncompressed
from coulombfit.samplers.importance import Integral, weigh_many
from coulombfit.samplers.newton import Peak, peak_of
from simulators import ensembles

# at every change each model once, and one by its levels
FAST = {(name, model.likelihoods[0]) for name, model in MODELS.items() if not model.costly}
FAST |= {("one-species", "density")}
CASES = [
    pytest.param(name, likelihood, marks=[] if (name, likelihood) in FAST else [pytest.mark.slow])
    for name, model in MODELS.items()
    for likelihood in (one.name for one in model.likelihoods if not one.over_time)
]


def data(runs: int, sigma_2: float, seed: int = 4) -> np.ndarray:
    return ensembles.two_species(centre=4.0, sigma_1=0.04, sigma_2=sigma_2, runs=runs, seed=seed)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "likelihood"), CASES)
def test_the_numpyro_program_has_the_density_that_is_sampled(name: str, likelihood: str) -> None:
    """NumPyro's own transform of the program, by name of the site; equal in value and in gradient."""
    spectra = cf.Spectra(data(30, 0.02))
    model = MODELS[name].fitted_to(spectra)
    likelihood = model.likelihood(likelihood)
    seen = model.observe(spectra, likelihood)
    unit = model.unit(seen, likelihood)
    priors = model.sites(likelihood)
    with jax.enable_x64(True):
        density, names = log_posterior(model, likelihood)
        point = jnp.asarray(np.random.default_rng(3).uniform(-0.3, 0.3, len(names)))
        of_site = {site: point[np.array([own == site for own in names])] for site in priors}
        unconstrained = {site: value.reshape(priors[site].event_shape) for site, value in of_site.items()}

        def from_program(unconstrained):
            return -potential_energy(model.program(likelihood), (jnp.asarray(seen), unit), {}, unconstrained)

        itself = uncompressed(np.asarray(likelihood.terms(seen, unit)))
        value, gradient = jax.value_and_grad(density)(point, itself, unit)
        expected, slopes = jax.value_and_grad(from_program)(unconstrained)
        assert float(value) == pytest.approx(float(expected), rel=1e-12)
        for site, slope in slopes.items():
            own = gradient[np.array([name == site for name in names])].reshape(slope.shape)
            np.testing.assert_allclose(own, slope, rtol=1e-8, atol=1e-8)


LONG = cf.Sampling(draws=10_000, per_run_draws=10, predictive_draws=1)


@pytest.mark.parametrize(
    ("name", "likelihood", "runs", "sigma_2"),
    [
        pytest.param("one-species", "pair", 40, 0.04, marks=pytest.mark.long),
        pytest.param("one-species", "density", 300, 0.04, marks=pytest.mark.long),
        pytest.param("two-species", "pair", 100, 0.02, marks=pytest.mark.slow),
        pytest.param("two-species", "pair", 100, 0.04, marks=pytest.mark.long),
        pytest.param("two-species", "density-raw", 300, 0.02, marks=pytest.mark.long),
        pytest.param("anisotropic", "pair", 100, 0.02, marks=pytest.mark.long),
    ],
)
def test_both_samplers_give_one_posterior(name: str, likelihood: str, runs: int, sigma_2: float) -> None:
    """Means to 2 % of a standard deviation, and no difference that a two-sample test would see.

    40 000 draws of chains have an error of half a percent, and so have twelve times 4096 points of importance sampling.
    """
    pairs = data(runs, sigma_2)
    chains = cf.fit(pairs, name, likelihood, sampler="nuts", sampling=LONG)
    points = [cf.fit(pairs, name, likelihood, sampler="laplace", seed=seed) for seed in range(12)]
    assert chains.diagnosis.passed, str(chains.diagnosis)
    assert all(one.diagnosis.passed and one.record["sampler"] == "laplace" for one in points)
    expected = chains.table()
    for parameter, row in expected.iterrows():
        mean = np.mean([one.table().loc[parameter, "mean"] for one in points])
        sd = np.mean([one.table().loc[parameter, "sd"] for one in points])
        assert abs(mean - row["mean"]) < 0.02 * row["sd"], parameter
        assert sd == pytest.approx(row["sd"], rel=0.02), parameter
        # thinned to draws that are independent
        kept = chains.tree["posterior"][parameter].to_numpy()[:, ::20].ravel()
        drawn = points[0].tree["posterior"][parameter].to_numpy().ravel()[::2]
        assert stats.ks_2samp(kept, drawn).pvalue > 1e-4, parameter


@pytest.mark.slow
def test_a_posterior_that_importance_sampling_misses_gets_chains(few: np.ndarray, monkeypatch) -> None:
    monkeypatch.setattr("coulombfit.samplers.importance.RELIABLE", -10.0)
    fit = cf.fit(few, "one-species", sampler="laplace", sampling=cf.Sampling(draws=500))
    assert fit.record["sampler"] == "nuts"
    assert fit.record["sampler_asked_for"] == "laplace"
    assert fit.tree["sample_stats"]["diverging"].shape == (4, 500)
    assert "nuts" in fit.summary()
    assert "laplace" in fit.summary()
    many = cf.fit_many([few, few + 1.0], "one-species", sampling=cf.Sampling(draws=500))
    assert list(many.fits["sampler"]) == ["nuts", "nuts"]


def test_the_sampler_is_checked(few: np.ndarray) -> None:
    for function in (cf.fit, lambda pairs, model, **more: cf.fit_many([pairs], model, **more)):
        with pytest.raises(ValueError, match="sampler: expected one of 'nuts', 'laplace', got 'gibbs'"):
            function(few, "one-species", sampler="gibbs")


def quartic(z: jax.Array) -> jax.Array:
    return -0.25 * z[0] ** 4 - 0.5 * jnp.square(z[1] - z[0])


def bent(z: jax.Array) -> jax.Array:
    """Rosenbrock's valley."""
    return -50.0 * jnp.square(z[1] - jnp.square(z[0])) - 0.5 * jnp.square(1.0 - z[0])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("density", "start", "mode"),
    [(bent, (-1.2, 1.0), (1.0, 1.0)), (bent, (3.0, -8.0), (1.0, 1.0)), (quartic, (6.0, -40.0), (0.0, 0.0))],
)
def test_the_mode_is_found_from_afar(density: Callable, start, mode) -> None:
    with jax.enable_x64(True):
        peak = peak_of(density, np.array(start))
        np.testing.assert_allclose(peak.centre, mode, atol=0.02 if density is quartic else 1e-4)
        covariance = np.asarray(peak.root) @ np.asarray(peak.root).T
        if density is bent:
            inverse = -np.asarray(jax.hessian(density)(peak.centre))
            np.testing.assert_allclose(covariance, np.linalg.inv(inverse), rtol=1e-6)
    # a flat direction is as wide as it may be, and no wider
    assert np.isfinite(covariance).all()
    assert covariance.max() < 25.0


def correlated(z: jax.Array, mean: jax.Array) -> jax.Array:
    u = z - mean
    return -0.5 * (u @ jnp.array([[2.0, 0.9], [0.9, 1.0]]) @ u)


def test_integrals_of_many_do_not_err_together() -> None:
    """Errors of the mean over data sets that are all but equal are as good as independent."""
    with jax.enable_x64(True):
        peak = Peak(np.zeros(2), np.linalg.cholesky(np.linalg.inv([[2.0, 0.9], [0.9, 1.0]])))
        found = weigh_many(correlated, [peak] * 64, [(np.full(2, 1e-9 * k),) for k in range(64)], points=256)
    means = np.array([np.exp(one.log_weights) @ one.points for one in found])
    spread = means.std(axis=0)
    assert (spread > 0).all()
    assert (np.abs(means.mean(axis=0)) < 4 * spread / 8).all()


def test_weights_that_vanish_are_no_integral() -> None:
    def nothing(z: jax.Array, _: jax.Array) -> jax.Array:
        return jnp.full((), -jnp.inf) * jnp.sum(z * 0 + 1)

    with jax.enable_x64(True):
        (found,) = weigh_many(nothing, [Peak(np.zeros(1), np.eye(1))], [(np.zeros(1),)])
    assert not found.reliable
    assert found.log_value == -np.inf


def integral_with(weights: np.ndarray, points: np.ndarray) -> Integral:
    peak = Peak(points.mean(axis=0), np.eye(points.shape[1]))
    return Integral(0.0, 0.01, 0.1, points, np.log(weights / weights.sum()), peak)


def test_what_the_weighted_points_say() -> None:
    rng = np.random.default_rng(0)
    points = rng.standard_normal((4000, 2)) @ np.array([[1.0, 0.0], [0.7, 0.5]]).T
    even = integral_with(np.ones(4000), points)
    assert even.efficiency == pytest.approx(1.0)
    covering = even.covering()
    np.testing.assert_allclose(covering.root @ covering.root.T, np.cov(points.T, ddof=0), rtol=1e-10)
    half = integral_with(np.where(np.arange(4000) < 1000, 1.0, 1e-12), points)
    assert half.efficiency == pytest.approx(0.25, rel=1e-6)
    # systematic resampling takes each point as often as its weight says, to within one
    draws = half.resample(3000, seed=1)
    assert {tuple(draw) for draw in draws} <= {tuple(point) for point in points[:1000]}
    counts = np.unique(draws, axis=0, return_counts=True)[1]
    assert set(counts) == {3}
    one_side = even.covering(mirrored=1)
    assert one_side.centre[1] == pytest.approx(np.abs(points[:, 1]).mean())


@pytest.mark.long
def test_chains_take_longer_steps_where_the_posterior_is_nearly_gaussian(few: np.ndarray) -> None:
    """The acceptance aimed for is found from the weights unless it is given."""
    acceptance = {}
    for given in (None, 0.6):
        fit = cf.fit(few, "one-species", sampler="nuts", sampling=cf.Sampling(target_accept=given, draws=500))
        acceptance[given] = float(fit.tree["sample_stats"]["acceptance_rate"].mean())
    assert acceptance[None] > acceptance[0.6]
    handful = cf.fit(data(4, 0.02), "two-species", sampler="nuts", sampling=cf.Sampling(draws=300))
    assert float(handful.tree["sample_stats"]["acceptance_rate"].mean()) > 0.93
