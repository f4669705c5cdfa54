"""Stationary Dyson gases against closed forms and random matrices."""

import warnings

import numpy as np
import pytest
from scipy import stats

from simulators import dyson

# Chance that any one goodness-of-fit test here fails by luck; seeds are fixed, so it is spent once.
FALSE_ALARM = 1e-3


def last(**setting) -> np.ndarray:
    return dyson.simulate(**setting).eigenvalues[:, -1]


@pytest.mark.parametrize("step_size", [pytest.param(0.3, marks=pytest.mark.slow), None, 1.5])
def test_a_degenerate_pair_is_the_one_species_law_at_any_step_size(step_size) -> None:
    """S ~ Rayleigh(√2 σ) independent of R ~ N(0, 2σ²)."""
    x = last(centres=[4.0, 4.0], widths=0.04, runs=8000, steps=80, step_size=step_size, seed=1)
    spacing, total = x[:, 0] - x[:, 1], x.sum(axis=1) - 8.0
    scale = np.sqrt(2) * 0.04
    assert stats.kstest(spacing, "rayleigh", (0, scale)).pvalue > FALSE_ALARM
    assert stats.kstest(total, stats.norm(0, scale).cdf).pvalue > FALSE_ALARM
    assert stats.spearmanr(spacing, np.abs(total)).pvalue > FALSE_ALARM
    assert stats.kstest(spacing, "rayleigh", (0, 1.2 * scale)).pvalue < FALSE_ALARM
    assert stats.kstest(total, stats.norm(0, 1.2 * scale).cdf).pvalue < FALSE_ALARM


def test_unlike_widths_at_one_centre_are_the_two_species_law() -> None:
    """|S| ~ Rayleigh(√2 σ_m), Var R = 2σ_m²(1 + r²) by the moments of Eq. 29."""
    x = last(centres=[0.0, 0.0], widths=[2.0, 1.0], runs=8000, steps=200, seed=2)
    sigma_m, r = np.sqrt(2.5), 0.6
    assert stats.kstest(x[:, 0] - x[:, 1], "rayleigh", (0, np.sqrt(2) * sigma_m)).pvalue > FALSE_ALARM
    square = x.sum(axis=1) ** 2
    expected = 2 * sigma_m**2 * (1 - r**2) + 4 * sigma_m**2 * r**2
    assert abs(square.mean() - expected) < 4 * square.std() / np.sqrt(len(x))


def test_a_single_level_is_gaussian() -> None:
    x = last(centres=[-2.0], widths=[0.5], runs=8000, steps=40, seed=3)
    assert stats.kstest(x[:, 0], stats.norm(-2.0, 0.5).cdf).pvalue > FALSE_ALARM


def test_two_distant_levels_are_displaced_as_computed() -> None:
    """E x_i = c_i ± σ_i²/d but for exchange, as p ∝ (x₁ − x₂) times two Gaussians."""
    x = last(centres=[9.0, 0.0], widths=[1.0, 0.5], runs=20_000, steps=60, seed=4)
    error = 1 / np.sqrt(len(x))
    assert x[:, 0].mean() == pytest.approx(9 + 1 / 9, abs=4 * error)
    assert x[:, 1].mean() == pytest.approx(-0.25 / 9, abs=2 * error)
    assert x[:, 0].mean() > 9 + 6 * error


@pytest.mark.slow
def test_a_degenerate_cluster_has_the_eigenvalues_of_gaussian_matrices() -> None:
    """GOE of variance σ² on the diagonal, σ²/2 off it."""
    x = last(centres=[1.0] * 6, widths=0.1, runs=6000, steps=600, seed=5)
    normal = np.random.default_rng(6).standard_normal((6000, 6, 6))
    matrices = (normal + normal.transpose(0, 2, 1)) / 2
    y = 1.0 + 0.1 * np.linalg.eigvalsh(matrices)[:, ::-1]
    columns = [(x[:, i], y[:, i]) for i in range(6)] + [(-np.diff(x)[:, i], -np.diff(y)[:, i]) for i in range(5)]
    for ours, theirs in columns:
        assert stats.ks_2samp(ours, theirs).pvalue > FALSE_ALARM / len(columns)


@pytest.mark.parametrize(
    ("centres", "widths"),
    [
        ([5.0, 4.6, 4.6, 3.6, 3.6, 2.4, 2.4, 1.4, 1.4, 1.0], 0.02),
        pytest.param(np.arange(10.0)[::-1], 0.1, marks=pytest.mark.slow),
        pytest.param([0.0, 0.0], 1.0, marks=pytest.mark.slow),
    ],
)
def test_the_default_step_is_accepted_about_two_times_in_three(centres, widths) -> None:
    run = dyson.simulate(centres=centres, widths=widths, runs=100, steps=120, save_every=1)
    moved = (np.diff(run.eigenvalues[:, 40:], axis=1) != 0).any(axis=-1)
    assert 0.6 < moved.mean() < 0.8


def test_a_run_is_the_same_in_any_ensemble_and_schedule() -> None:
    gas = {"centres": [2.0, 1.0, 1.0], "widths": [0.1, 0.2, 0.2], "steps": 60, "seed": 5}
    many = dyson.simulate(runs=9, **gas)
    watched = dyson.simulate(runs=3, save_every=20, **gas)
    assert many.eigenvalues.shape == (9, 1, 3)
    assert watched.eigenvalues.shape == (3, 4, 3)
    np.testing.assert_array_equal(watched.steps, [0, 20, 40, 60])
    np.testing.assert_allclose(many.eigenvalues[:3, 0], watched.eigenvalues[:, -1], rtol=1e-12)
    assert (np.diff(many.eigenvalues) < 0).all()
    assert many.parameters["simulator"] == "dyson"
    assert many.parameters["centres"] == [2.0, 1.0, 1.0]
    assert not np.allclose(dyson.simulate(runs=3, **gas | {"seed": 6}).eigenvalues[:, -1], many.eigenvalues[:3, 0])


def test_precision_follows_the_argument() -> None:
    single = dyson.simulate(centres=[1.0, 1.0], widths=0.1, runs=2000, steps=60, dtype="float32").eigenvalues
    assert single.dtype == np.float32
    spacing = single[:, 0, 0] - single[:, 0, 1]
    assert stats.kstest(spacing, "rayleigh", (0, np.sqrt(2) * 0.1)).pvalue > FALSE_ALARM


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"centres": [0.0, 1.0]}, r"centres: expected finite numbers, descending, shape \(N,\), got \[0.0, 1.0\]"),
        ({"centres": []}, "centres: expected finite numbers"),
        ({"centres": "abc"}, "centres: expected finite numbers, .* got 'abc'"),
        ({"widths": "wide"}, "widths: expected one finite number above 0, or 2, one a centre, got 'wide'"),
        ({"centres": [[1.0], [0.0]]}, "centres: expected finite numbers"),
        ({"centres": [np.nan, 0.0]}, "centres: expected finite numbers"),
        ({"widths": [1.0, -1.0]}, r"widths: expected finite numbers above 0, got \[1.0, -1.0\]"),
        ({"widths": 0.0}, "widths: expected finite numbers above 0, got 0.0"),
        ({"widths": [1.0] * 3}, r"widths: expected one number or 2, one a centre, got shape \(3,\)"),
        ({"step_size": 0.0}, "step_size: expected a finite number above 0, got 0.0"),
        ({"runs": 0}, "runs: expected a whole number above 0, got 0"),
        ({"steps": 0}, "steps: expected a whole number above 0, got 0"),
        ({"save_every": 7}, "save_every: expected a divisor of steps = 10, got 7"),
        ({"seed": -1}, "seed: expected a whole number from 0"),
        ({"dtype": "float16"}, "dtype: expected one of float32, float64, got 'float16'"),
    ],
)
def test_arguments_are_checked(arguments, message) -> None:
    gas = {"centres": [1.0, 0.0], "widths": 0.1, "runs": 1, "steps": 10}
    with pytest.raises(ValueError, match=message):
        dyson.simulate(**gas | arguments)


@pytest.mark.slow
@pytest.mark.parametrize("beta", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_levels_and_matrices_agree_in_law(beta) -> None:
    """Eq. 5 level by level against the Ornstein-Uhlenbeck matrix, every level of five."""
    setting = {"centres": [2.0] * 5, "widths": 0.1, "beta": beta, "runs": 3000, "seed": 11}
    x, y = last(**setting, steps=300), last(**setting, form="matrix", steps=10)
    for level in range(5):
        assert stats.ks_2samp(x[:, level], y[:, level]).pvalue > FALSE_ALARM / 5
    assert stats.ks_2samp(x[:, 0], 2 + 1.05 * (y[:, 0] - 2)).pvalue < FALSE_ALARM


@pytest.mark.parametrize("beta", [1, 2])
def test_spacings_of_a_pair_repel_with_beta(beta) -> None:
    """P(S) ∝ S^β exp(−S²/4σ²): Rayleigh, and Maxwell."""
    x = last(centres=[0.0, 0.0], widths=0.5, beta=beta, form="matrix", runs=6000, steps=6, seed=12)
    law = stats.chi(beta + 1, scale=np.sqrt(2) * 0.5)
    assert stats.kstest(x[:, 0] - x[:, 1], law.cdf).pvalue > FALSE_ALARM


@pytest.mark.long
def test_twenty_levels_against_the_tridiagonal_ensemble() -> None:
    """Dumitriu and Edelman: diagonal N(0, σ²), off it χ_{β(n−k)}σ/√2."""
    n, runs = 20, 3000
    rng = np.random.default_rng(13)
    for beta in (1, 2):
        x = last(centres=[0.0] * n, widths=1.0, beta=beta, runs=runs, steps=1500, seed=14)
        off = np.sqrt(rng.chisquare(beta * np.arange(n - 1, 0, -1), (runs, n - 1)) / 2)
        matrices = np.zeros((runs, n, n))
        matrices[:, np.arange(n), np.arange(n)] = rng.standard_normal((runs, n))
        matrices[:, np.arange(n - 1), np.arange(1, n)] = matrices[:, np.arange(1, n), np.arange(n - 1)] = off
        y = np.linalg.eigvalsh(matrices)[:, ::-1]
        for level in range(n):
            assert stats.ks_2samp(x[:, level], y[:, level]).pvalue > FALSE_ALARM / (2 * n), (beta, level)


@pytest.mark.long
def test_a_thousand_levels_fill_the_semicircle() -> None:
    """Edges at ±σ√(2βN), and the second moment βN/2 σ² of Wigner's law."""
    for form, steps in (("levels", 30), ("matrix", 6)):
        with warnings.catch_warnings():
            # levels start at rest, which is close to stationary for what is looked at here
            warnings.simplefilter("ignore" if form == "levels" else "error")
            x = last(centres=[0.0] * 1000, widths=1.0, form=form, runs=2, steps=steps)
        assert x[:, 0] == pytest.approx(np.sqrt(2000), rel=0.02)
        assert (x**2).mean() == pytest.approx(500, rel=0.02)


@pytest.mark.slow
def test_the_coulomb_shift_of_distant_levels() -> None:
    """βσ_i² Σ_j 1/(c_i − c_j), against sampling."""
    setting = {"centres": [8.0, 3.0, 3.0, 0.0], "widths": [0.3, 0.2, 0.2, 0.3]}
    x = last(**setting, runs=20_000, steps=100, seed=15)
    levels = np.stack([x[:, 0], x[:, 1:3].mean(axis=1), x[:, 3]], axis=1)
    shift = dyson.coulomb_shift(**setting)
    np.testing.assert_allclose(shift, [0.09 * (2 / 5 + 1 / 8), *[0.04 * (1 / 3 - 1 / 5)] * 2, -0.09 * (2 / 3 + 1 / 8)])
    error = levels.std(axis=0) / np.sqrt(len(levels))
    assert (np.abs(levels.mean(axis=0) - [8, 3, 0] - shift[[0, 1, 3]]) < 4 * error + 0.05 * np.abs(shift[0])).all()


def test_short_runs_are_warned_about() -> None:
    with pytest.warns(UserWarning, match="steps = 10: at step_size = 0.1 a level needs 100 steps"):
        last(centres=[1.0, 1.0], widths=0.1, step_size=0.1, runs=2, steps=10)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"beta": 4}, "beta: expected one of 1, 2, got 4"),
        ({"form": "tensor"}, "form: expected one of levels, matrix, got 'tensor'"),
        ({"form": "matrix", "centres": [1.0, 0.0]}, "form: expected 'levels' where centres or widths differ"),
        ({"dtype": "int8"}, "dtype: expected one of float32, float64, got 'int8'"),
    ],
)
def test_forms_are_checked(arguments, message) -> None:
    with pytest.raises(ValueError, match=message):
        dyson.simulate(**{"centres": [1.0, 1.0], "widths": 0.1, "runs": 2, "steps": 2, **arguments})


def test_distances_survive_single_precision() -> None:
    """A pair of width 1e-6 at 4, where float32 positions are 4.8e-7 apart: accepted as in float64."""

    def distances(dtype: str) -> np.ndarray:
        gas = dyson.simulate(centres=[4.0, 4.0], widths=1e-6, runs=2000, steps=60, dtype=dtype, seed=3)
        x = gas.eigenvalues[:, -1].astype(float)
        return x[:, 0] - x[:, 1]

    assert distances("float32").std() == pytest.approx(distances("float64").std(), rel=0.1)
