"""Moments of pairs against sampling, and what their intervals hold."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import xarray as xr

import coulombfit as cf
from coulombfit.answers.answer import Answer
from coulombfit.checks.inferred import bootstrap
from coulombfit.checks.spectra.moments import _logarithms, pair_moments, predicted_moments
from coulombfit.inference.fit_result import Fit
from coulombfit.models import MODELS
from tests.plots.made_up import record_of

PARAMETERS = {"centre": 4.0, "sigma": 0.1, "sigma_1": 0.1, "sigma_2": 0.04}


def sample(name: str, *shape: int, seed: int = 0) -> np.ndarray:
    with jax.enable_x64(True):
        return np.asarray(
            MODELS[name]
            .pair({key: jnp.asarray(value) for key, value in PARAMETERS.items()})
            .sample(jax.random.key(seed), shape)
        )


def fitted(name: str, r: float) -> Fit:
    """As far as predictions look: a model, and one draw of r."""
    tree = xr.DataTree.from_dict({"posterior": xr.Dataset({"r": (("chain", "draw"), [[r]])})})
    tree.attrs["coulombfit"] = json.dumps(record_of(name, MODELS[name].likelihoods[0].name))
    return Fit(tree)


@pytest.mark.one_by_default
@pytest.mark.parametrize("name", ["gaussian", "one-species", "two-species", "anisotropic"])
def test_closed_forms_against_samples(name) -> None:
    """At the sampled widths, r = (1 − 0.16)/(1 + 0.16)."""
    expected = predicted_moments(fitted(name, 0.84 / 1.16))
    found = pair_moments(sample(name, 40, 25_000))
    for values, key in zip(found, ("variance_ratio", "binder"), strict=True):
        assert abs(values.mean() - float(expected[key].squeeze())) < 5 * values.std() / np.sqrt(40)


def test_two_species_without_asymmetry_are_one() -> None:
    one, two = (predicted_moments(fitted(name, 0.0)) for name in ("one-species", "two-species"))
    assert one.equals(two)
    assert float(one["binder"].squeeze()) == pytest.approx(-4 / 27)
    with pytest.raises(ValueError, match=r"fit: expected a model of a pair with moments in closed form, got 'gas'"):
        predicted_moments(fitted("gas", 0.0))


@pytest.mark.long
@pytest.mark.parametrize("name", ["gaussian", "one-species", "two-species"])
def test_intervals_hold_the_truth(name) -> None:
    """90 % of 500 data sets of 300 runs, binomial, 4 sd allowed, and 1 % for the tails that 300 runs do not reach."""
    expected = predicted_moments(fitted(name, 0.84 / 1.16))
    held = np.zeros((500, 2))
    for k, x in enumerate(sample(name, 500, 300, seed=1)):
        table = cf.moments(x, seed=k).table
        for j, row in enumerate(("variance_ratio", "binder")):
            held[k, j] = table.loc[row, "lower"] < float(expected[row].squeeze()) < table.loc[row, "upper"]
    assert (np.abs(held.mean(axis=0) - 0.9) < 4 * np.sqrt(0.09 / 500) + 0.01).all()


@pytest.mark.slow
def test_standard_errors() -> None:
    """Those of the delta method against the scatter of both logarithms."""
    x = sample("two-species", 400, 3000)
    powers = np.stack([*(((x - 4.0) ** k).mean(axis=-1) for k in (1, 2, 3, 4)), (x[..., 0] - x[..., 1]) ** 2], axis=-1)
    products = powers[..., :, None] * powers[..., None, :]
    values = np.concatenate([powers, products.reshape(*powers.shape[:2], -1)], axis=-1)
    found, errors = _logarithms(values.mean(axis=1).T)
    assert found.std(axis=1) * np.sqrt(3000) == pytest.approx(errors.mean(axis=1), rel=0.12)


def test_verdicts_and_refusals() -> None:
    assert "as of one species or an anisotropic pair" in cf.moments(sample("anisotropic", 2000)).verdict
    assert "above 3/8" in cf.moments(sample("two-species", 4000)).verdict
    assert "above 3/8" in cf.moments(sample("gaussian", 2000)).verdict
    with pytest.raises(cf.DataError, match=r"data: expected 10 pairs or more, shape \(run, 2\), got \(5, 2\)"):
        cf.moments(sample("gaussian", 5))


@pytest.mark.long
def test_false_alarms_of_the_answer_come_at_their_rate() -> None:
    """At 1 %: of 500 data sets of 100 runs of one species no more than 15 are told not to be 3/8, which at twice the
    rate would fail with probability 0.95 at 26. By the 90 % interval it would be 50. Two levels that do not repel are
    told in nine of ten."""
    said = [cf.moments(x, seed=k).answer for k, x in enumerate(sample("one-species", 500, 100, seed=3))]
    assert said.count(Answer.NO) <= 15
    apart = [cf.moments(x, seed=k).answer for k, x in enumerate(sample("gaussian", 100, 300, seed=4))]
    assert apart.count(Answer.NO) >= 90
    assert apart.count(Answer.YES) == 0


def test_a_bootstrap_draws_means_of_the_variance_of_students_t() -> None:
    """Σ (x − x̄)²/n(n − 3). Dirichlet weights of concentration 1 give Σ (x − x̄)²/n(n + 1), 1.44 times less at n = 12.

    A variance of 2000 draws has a standard error of 3 %.
    """
    values = np.arange(12.0)[:, None] ** 2
    draws = bootstrap(values, np.random.default_rng(1))
    expected = values.var() / (len(values) - 3)
    assert draws.var() == pytest.approx(expected, rel=0.12)
