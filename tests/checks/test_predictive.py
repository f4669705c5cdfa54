"""Posterior predictive checks: quiet on data of the law, loud on others."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import coulombfit as cf
from coulombfit import plots
from coulombfit.checks.fits.predictive import _distance
from coulombfit.models import MODELS

SHORT = cf.Sampling(chains=2, warmup=200, draws=200)


def sample(name: str, runs: int, seed: int = 0) -> np.ndarray:
    with jax.enable_x64(True):
        parameters = {"centre": 4.0, "sigma": 0.1, "sigma_1": 0.1, "sigma_2": 0.03}
        law = MODELS[name].pair({key: jnp.asarray(value) for key, value in parameters.items()})
        return np.asarray(law.sample(jax.random.key(seed), (runs,)))


def test_distance_is_kolmogorovs() -> None:
    from scipy import stats

    u = np.random.default_rng(0).random((3, 50)) ** 1.5
    np.testing.assert_allclose(_distance(u), [stats.kstest(row, "uniform").statistic for row in u])


@pytest.fixture(scope="module")
def one_species() -> cf.Fit:
    return cf.fit(sample("one-species", 400), "one-species", sampler="nuts", sampling=SHORT)


@pytest.mark.slow
def test_data_of_the_law_pass(one_species) -> None:
    found = cf.predictive(one_species)
    assert found.passed
    assert found.verdict.startswith("the data look like those the fit predicts")
    assert list(found.table.index) == ["level density", "spacing", "variance ratio", "binder"]
    assert found.tree["pit"]["levels"].shape == (400, 2)
    assert found.tree["replicates"].sizes["replicate"] == 400
    row = found.table.loc["binder"]
    assert row["lower"] < -4 / 27 < row["upper"]
    assert len(plots.predictive(found)) == 6
    assert (cf.predictive(one_species, seed=0).table == found.table).all(axis=None)


@pytest.mark.long
def test_levels_that_do_not_repel_are_noticed() -> None:
    fit = cf.fit(sample("gaussian", 400), "one-species", sampler="nuts", sampling=SHORT)
    found = cf.predictive(fit)
    assert not found.passed
    assert "spacing" in found.verdict
    assert "do NOT look like" in found.verdict


@pytest.mark.long
def test_spacings_alone_say_what_was_not_run() -> None:
    fit = cf.fit(sample("one-species", 200), "one-species", "spacing", sampler="nuts", sampling=SHORT)
    found = cf.predictive(fit)
    assert found.table["p_value"].count() == 1
    assert "not run: level density, variance ratio, binder" in found.verdict
    assert "not run" in found.summary()


@pytest.mark.long
def test_false_alarms_are_no_more_than_stated() -> None:
    """60 data sets of the law: alarms at 5 % are at most 5 % and what binomial noise adds."""
    alarms = []
    for seed in range(60):
        fit = cf.fit(sample("one-species", 100, seed), "one-species", sampler="nuts", sampling=SHORT)
        alarms.append(not cf.predictive(fit, seed=seed).passed)
    assert np.mean(alarms) < 0.05 + 3 * np.sqrt(0.05 * 0.95 / 60)


@pytest.mark.long
def test_other_fits_are_refused() -> None:
    fit = cf.fit(sample("one-species", 50).ravel(), "one-species", "density", sampler="nuts", sampling=SHORT)
    with pytest.raises(ValueError, match="fit: expected one of pairs, got 'one-species' of 100 levels"):
        cf.predictive(fit)
