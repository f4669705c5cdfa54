"""Intervals of posterior numbers: equal-tailed, and down to an edge that the data do not exclude."""

import numpy as np
import pytest

from coulombfit.numerics.intervals import Edge, intervals_of

EDGE = Edge("r", 0.0, {"sigma_1": "sigma_m", "sigma_2": "sigma_m"}, "σ₁ = σ₂")
RNG = np.random.default_rng(0)
NORMAL = RNG.standard_normal(4000)
SIGMA_M = 1.0 + 0.02 * RNG.standard_normal(4000)


def widths(r: np.ndarray) -> dict[str, np.ndarray]:
    """Draws of a model of two widths."""
    return {"r": r, "sigma_m": SIGMA_M, "sigma_1": SIGMA_M * np.sqrt(1 + r), "sigma_2": SIGMA_M * np.sqrt(1 - r)}


def limit(estimate: float) -> np.ndarray:
    """4000 draws of r whose posterior is that of r² estimated with error 0.02 from many runs, r having a flat prior."""
    grid = np.linspace(0.0, 1.0, 20_001)
    share = np.exp(-0.5 * ((grid**2 - estimate) / 0.02) ** 2).cumsum()
    return np.interp((np.arange(4000) + 0.5) / 4000, share / share[-1], grid)


def test_without_an_edge_intervals_are_equal_tailed() -> None:
    for edge in (None, EDGE):
        (lower, upper) = intervals_of({"centre": NORMAL}, edge, 0.8)["centre"]
        np.testing.assert_array_equal([lower, upper], np.quantile(NORMAL, [0.1, 0.9]))


def test_an_interval_reaches_the_edge_that_is_not_excluded() -> None:
    draws = widths(0.2 * np.abs(NORMAL))
    found = intervals_of(draws, EDGE)
    assert found["r"][0] == 0.0
    assert found["r"][1] == pytest.approx(np.quantile(draws["r"], 0.95), rel=1e-12)
    # σ₁ = σ₂ = σ_m lies in all of them
    assert found["sigma_1"][0] == found["sigma_m"][0] < np.quantile(draws["sigma_1"], 0.05)
    assert found["sigma_2"][1] == found["sigma_m"][1] > np.quantile(draws["sigma_2"], 0.95)
    for name, end in (("sigma_1", 1), ("sigma_2", 0), ("sigma_m", 0), ("sigma_m", 1)):
        assert found[name][end] == pytest.approx(np.quantile(draws[name], [0.05, 0.95])[end], rel=1e-12)


def test_far_from_the_edge_nothing_changes() -> None:
    draws = widths(0.6 + 0.1 * NORMAL)
    for name, ends in intervals_of(draws, EDGE).items():
        np.testing.assert_allclose(ends, np.quantile(draws[name], [0.05, 0.95]), rtol=1e-12)


def test_the_edge_is_left_out_where_the_density_there_is_low() -> None:
    """In the limit of many runs, the density at the edge is t of its maximum at 1.645 sd, t/2 at 2.02."""
    assert intervals_of(widths(limit(1.5 * 0.02)), EDGE)["r"][0] == 0.0
    assert 0.0 < intervals_of(widths(limit(1.85 * 0.02)), EDGE)["r"][0] < np.quantile(limit(1.85 * 0.02), 0.05)
    equal_tailed = np.quantile(limit(2.2 * 0.02), 0.05)
    assert intervals_of(widths(limit(2.2 * 0.02)), EDGE)["r"][0] == pytest.approx(equal_tailed, rel=1e-12)


def test_ends_are_continuous_in_the_data() -> None:
    ends = np.array([intervals_of(widths(limit(z * 0.02)), EDGE)["r"] for z in np.arange(1.4, 2.4, 0.02)])
    lower = ends[:, 0]
    assert lower[0] == 0.0
    assert lower[-1] > 0.07
    assert np.diff(lower).min() >= 0.0
    assert np.diff(lower).max() < 0.02


def test_intervals_of_many_sets_are_those_of_each() -> None:
    sets = [limit(z * 0.02) for z in (-2.0, 1.8, 5.0)]
    together = intervals_of({name: np.stack([widths(r)[name] for r in sets]) for name in widths(sets[0])}, EDGE)
    for k, r in enumerate(sets):
        for name, ends in intervals_of(widths(r), EDGE).items():
            np.testing.assert_allclose([end[k] for end in together[name]], ends, rtol=1e-12)


def test_units_do_not_matter() -> None:
    shifted = Edge("r", 7.0)
    lower, upper = intervals_of({"r": limit(0.037)}, EDGE_ALONE)["r"]
    found = intervals_of({"r": 7.0 + 1e-6 * limit(0.037)}, shifted)["r"]
    np.testing.assert_allclose(found, [7.0 + 1e-6 * lower, 7.0 + 1e-6 * upper], rtol=1e-12)


EDGE_ALONE = Edge("r", 0.0)


@pytest.mark.parametrize("value", [0.0, 0.4])
def test_draws_that_are_all_alike(value: float) -> None:
    np.testing.assert_array_equal(intervals_of({"r": np.full(100, value)}, EDGE_ALONE)["r"], [value, value])


def test_the_remark() -> None:
    assert EDGE.remark(0.0) == "r from 0: the data do not exclude σ₁ = σ₂"
    assert EDGE.remark(0.01) == ""
