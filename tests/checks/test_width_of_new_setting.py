"""Widths of settings that have not been run."""

import numpy as np
import pytest

import coulombfit as cf
from simulators import ensembles

RATES, BATCHES = (0.05, 0.1, 0.2), (16, 64)


def _pairs(learning_rate: float, batch_size: float, seed: int) -> cf.Spectra:
    sigma = 0.4 * np.sqrt(learning_rate / batch_size)
    x = ensembles.one_species(centre=4.0, sigma=sigma, runs=400, seed=seed)
    return cf.Spectra(x, learning_rate=learning_rate, batch_size=batch_size, targets=[4.0, 4.0], name=f"{seed}")


@pytest.fixture(scope="module")
def rule() -> cf.Scaling:
    settings = [(rate, batch) for rate in RATES for batch in BATCHES]
    return cf.scaling([_pairs(*one, seed) for seed, one in enumerate(settings)], sampler="laplace")


@pytest.mark.slow
def test_a_setting_amid_the_others(rule: cf.Scaling) -> None:
    found = rule.predict(learning_rate=0.1, batch_size=32)
    true = 0.4 * np.sqrt(0.1 / 32)
    assert list(found.columns) == ["mean", "sd", "lower", "upper"]
    assert found.loc[0, "lower"] < true < found.loc[0, "upper"]
    assert found.loc[0, "sd"] / true < 0.15  # the scatter of six settings is little known


@pytest.mark.slow
def test_a_setting_that_was_run_is_found_as_the_rule_has_it(rule: cf.Scaling) -> None:
    row = rule.levels.iloc[0]
    found = rule.predict(learning_rate=row["learning_rate"], batch_size=row["batch_size"])
    assert found.loc[0, "mean"] == pytest.approx(row["rule"], rel=1e-2)
    assert found.loc[0, "sd"] > row["rule_sd"], "a new setting scatters beside"


def test_the_known_factor_and_the_seed(rule: cf.Scaling) -> None:
    setting = {"learning_rate": 0.1, "batch_size": 32}
    mean = rule.predict(**setting).loc[0, "mean"]
    assert rule.predict(**setting, factor=2.0).loc[0, "mean"] == pytest.approx(2 * mean)
    assert rule.predict(**setting, seed=1).loc[0, "mean"] != mean


def test_extrapolation_is_wider_and_said(rule: cf.Scaling) -> None:
    with pytest.warns(UserWarning, match=r"learning_rate 0\.8 is outside 0\.05 to 0\.2, where the rule was inferred"):
        far = rule.predict(learning_rate=0.8, batch_size=32)
    near = rule.predict(learning_rate=0.1, batch_size=32)
    assert far.loc[0, "sd"] / far.loc[0, "mean"] > 1.5 * near.loc[0, "sd"] / near.loc[0, "mean"]
    with pytest.raises(cf.ArgumentError, match="batch_size: expected"):
        rule.predict(learning_rate=0.1, batch_size=0)


@pytest.mark.slow
def test_finite_steps_are_kept() -> None:
    """σ² ∝ α/(1 − αΩ/2) with Ω given: half as far again from the edge of stability at α = 0.8."""
    omega, spectra = 1.0, []
    for seed, rate in enumerate((0.1, 0.4, 1.2)):
        sigma = 0.1 * np.sqrt(rate / (1 - 0.5 * rate * omega) / 16)
        x = ensembles.one_species(centre=4.0, sigma=sigma, runs=600, seed=seed)
        spectra.append(cf.Spectra(x, learning_rate=rate, batch_size=16, targets=[4.0, 4.0], name=f"{rate}"))
    rule = cf.scaling(spectra, curvature=omega, sampler="laplace")
    found = rule.predict(learning_rate=0.8, batch_size=16)
    assert found.loc[0, "lower"] < 0.1 * np.sqrt(0.8 / 0.6 / 16) < found.loc[0, "upper"]
    with pytest.raises(cf.ArgumentError, match=r"learning_rate: expected αΩ/\(1 \+ μ\) below 2"):
        rule.predict(learning_rate=2.5, batch_size=16)
