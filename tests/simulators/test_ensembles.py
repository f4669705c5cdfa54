"""Exact draws of a matrix with noise against closed forms.

Seeds are fixed; each goodness-of-fit test would fail by luck once in a thousand seeds.
"""

import numpy as np
import pytest
from scipy import stats

from simulators import dyson, ensembles

FALSE_ALARM = 1e-3


@pytest.mark.parametrize("delta", [0.0, 0.7, 3.0])
def test_a_split_pair_has_a_noncentral_spacing_and_a_normal_sum(delta: float) -> None:
    """S²/2σ² ~ χ²₂ of noncentrality δ²/2σ², which is Rice(δ, √2 σ), independent of R ~ N(0, 2σ²)."""
    sigma = 0.4
    x = ensembles.perturbed(levels=[4.0 + delta, 4.0], widths=sigma, runs=20_000, seed=1)
    spacing, total = x[:, 0] - x[:, 1], x.sum(axis=1) - 8.0 - delta
    scale = 2 * sigma**2
    law = stats.ncx2(2, delta**2 / scale) if delta else stats.chi2(2)
    assert stats.kstest(spacing**2 / scale, law.cdf).pvalue > FALSE_ALARM
    assert stats.kstest(spacing**2 / (1.1 * scale), law.cdf).pvalue < FALSE_ALARM
    assert stats.kstest(total, stats.norm(0, np.sqrt(scale)).cdf).pvalue > FALSE_ALARM
    assert abs(stats.spearmanr(spacing, total).statistic) < 3.3 / np.sqrt(len(x))


def test_two_widths_at_one_level_are_the_anisotropic_pair() -> None:
    """S ~ Rayleigh(√2 σ_m) and Var x = 3σ_m²/2, whatever the ratio of the widths."""
    x = ensembles.perturbed(levels=[1.0, 1.0], widths=[0.3, 0.1], runs=20_000, seed=2)
    sigma_m = np.sqrt((0.3**2 + 0.1**2) / 2)
    assert stats.kstest(x[:, 0] - x[:, 1], "rayleigh", (0, np.sqrt(2) * sigma_m)).pvalue > FALSE_ALARM
    assert x.var() == pytest.approx(1.5 * sigma_m**2, rel=0.03)


def test_separated_levels_are_shifted_as_a_matrix_shifts_them() -> None:
    """By Σ_j Var N_ij/(c_i − c_j), to second order; the shift of Eq. 7 with separate minima is another."""
    c, sigma = np.array([5.0, 4.0, 2.5, 1.0]), np.array([0.15, 0.05, 0.1, 0.2])
    x = ensembles.perturbed(levels=c, widths=sigma, runs=200_000, seed=3)
    error = sigma / np.sqrt(len(x))
    expected = dyson.matrix_shift(c, sigma)
    pairs = [(i, j) for i in range(4) for j in range(4) if i != j]
    by_hand = np.zeros(4)
    for i, j in pairs:
        by_hand[i] += (sigma[i] ** 2 + sigma[j] ** 2) / 4 / (c[i] - c[j])
    np.testing.assert_allclose(expected, by_hand, rtol=1e-12)
    assert (np.abs(x.mean(axis=0) - c - expected) < 4 * error + 0.02 * np.abs(expected)).all()
    assert (np.abs(x.mean(axis=0) - c - dyson.coulomb_shift(c, sigma)) > 6 * error).all()
    np.testing.assert_allclose(x.std(axis=0), sigma, rtol=0.02)


def test_of_one_width_the_shift_is_half_that_of_eq_7() -> None:
    c = [5.0, 4.0, 4.0, 1.0]
    np.testing.assert_allclose(dyson.matrix_shift(c, 0.1), 0.5 * dyson.coulomb_shift(c, 0.1), rtol=1e-12)


def test_a_run_is_the_same_in_whatever_ensemble(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ensembles, "BATCH", 5 * 9)
    setting = {"levels": [3.0, 2.0, 2.0], "widths": [0.1, 0.2, 0.3]}
    many, few = (ensembles.perturbed(**setting, runs=runs, seed=4) for runs in (13, 6))
    assert many.shape == (13, 3)
    np.testing.assert_array_equal(many[:6], few)
    assert np.unique(many).size == many.size
    assert (np.diff(many) < 0).all()
    assert not np.isin(ensembles.perturbed(**setting, runs=6, seed=5), few).any()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"levels": [1.0, 2.0]}, "levels: expected finite numbers, descending"),
        ({"widths": [0.1]}, None),
        ({"widths": [0.1, 0.2, 0.3]}, r"widths: expected one number or 2, one a level, got shape \(3,\)"),
        ({"widths": 0.0}, "widths: expected finite numbers above 0, got 0.0"),
        ({"runs": 0}, "runs: expected a whole number above 0, got 0"),
        ({"seed": -1}, "seed: expected a whole number from 0"),
    ],
)
def test_nonsense_is_refused(arguments: dict, message: str | None) -> None:
    whole = {"levels": [2.0, 1.0], "widths": 0.1, "runs": 2, **arguments}
    if message is None:
        assert ensembles.perturbed(**whole).shape == (2, 2)
        return
    with pytest.raises(ValueError, match=message):
        ensembles.perturbed(**whole)
