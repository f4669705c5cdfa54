"""χ² about the scaling rule: a weighted line's, uniform where sampling is all, large where settings scatter."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from coulombfit.checks.settings.chi_squared import ChiSquared, chi_squared_of

RATE = np.array([0.05, 0.1, 0.2, 0.1, 0.1, 0.4])
BATCH = np.array([16.0, 16.0, 16.0, 64.0, 4.0, 16.0])


def table(rng: np.random.Generator, *, scatter: float = 0.0, omega: float = 0.0, noise: float = 0.02) -> pd.DataFrame:
    """Two levels of amplitudes 2 and 1, with factors; settings move together by the scatter."""
    rows = {}
    together = np.exp(scatter * rng.normal(size=len(RATE)))
    for s, (rate, batch) in enumerate(zip(RATE, BATCH, strict=True)):
        for k, amplitude in enumerate((2.0, 1.0)):
            factor = 1.0 + s
            sigma = factor * amplitude * np.sqrt(rate / (1 - 0.5 * rate * omega) / batch) * together[s]
            sigma *= np.exp(noise * rng.normal())
            rows[f"{s}", k] = {
                "learning_rate": rate,
                "batch_size": batch,
                "momentum": 0.0,
                "factor": factor,
                "sigma": sigma,
            }
    levels = pd.DataFrame.from_dict(rows, orient="index").rename_axis(["setting", "level"])
    return levels.assign(sd=0.02 * levels["sigma"])


def test_p_values_are_uniform_where_settings_scatter_by_sampling_alone() -> None:
    """100 tables; at 8 % scatter beside 2 % of sampling nearly all have a p-value below 0.01."""
    rng = np.random.default_rng(0)
    found = [chi_squared_of(table(rng), np.zeros(2)) for _ in range(100)]
    assert {one.freedom for one in found} == {12 - 2 - 2}
    assert stats.kstest([one.p_value for one in found], "uniform").pvalue > 1e-3
    assert np.mean([chi_squared_of(table(rng, scatter=0.08), np.zeros(2)).p_value < 0.01 for _ in range(30)]) > 0.9


def test_finite_steps_are_in_the_line() -> None:
    rng = np.random.default_rng(1)
    exact = table(rng, omega=3.0, noise=0.0)
    assert chi_squared_of(exact, np.full(2, 3.0)).value == pytest.approx(0.0, abs=1e-12)
    assert chi_squared_of(exact, np.zeros(2)).value > 10.0
    # of the heavy ball αΩ/(1 + μ), and what is left of it is in the factor
    assert chi_squared_of(exact.assign(momentum=0.5), np.full(2, 4.5)).value == pytest.approx(0.0, abs=1e-12)


def test_an_exponent_that_does_not_vary_is_no_parameter() -> None:
    levels = table(np.random.default_rng(2))
    one_batch = levels[levels["batch_size"] == 16.0]
    assert chi_squared_of(one_batch, np.zeros(2)).freedom == len(one_batch) - 2 - 1


def test_without_a_degree_of_freedom_there_is_no_p_value() -> None:
    levels = table(np.random.default_rng(3)).loc[["0", "1"]].query("level == 0")
    found = chi_squared_of(levels, np.zeros(1))
    assert (found.freedom, found.p_value) == (0, None)
    assert str(found) == "0.0/0"
    assert str(ChiSquared(9.0, 4, 0.061)) == "9.0/4, p = 0.061"
