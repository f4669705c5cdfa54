"""The linear scaling rule and the displacement of centres, on data that obey them or do not."""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import integrate, special

import coulombfit as cf
from coulombfit.checks.scaling_model import log_scattered
from coulombfit.checks.settings import settings_of
from simulators import gaussian_rbm

PUBLIC = Path(__file__).parents[2] / "shared" / "data" / "teacher_student"
SETTINGS = [(rate, batch) for rate in (0.05, 0.1, 0.2) for batch in (16, 64)]


def made(rng: np.random.Generator, b: float = 1.0, scatter: float = 0.0, runs: int = 200) -> list[cf.Spectra]:
    """A pair at 4 and a single level at 1 in each setting, σ = 0.5 √(α/|B|^b) and twice that."""
    spectra = []
    for rate, batch in SETTINGS:
        sigma = 0.5 * np.sqrt(rate / batch**b) * np.exp(scatter * rng.standard_normal())
        spacing, middle = (
            np.sqrt(2) * sigma * rng.rayleigh(size=runs),
            4 + sigma / np.sqrt(2) * rng.standard_normal(runs),
        )
        single = 1 + 2 * sigma * rng.standard_normal(runs)
        x = np.stack([middle + spacing / 2, middle - spacing / 2, single], axis=1)
        spectra.append(cf.Spectra(x, rate, batch, targets=[4.0, 4.0, 1.0], name=f"{rate} {batch}"))
    return spectra


def test_statistics_of_a_level_are_its_likelihood() -> None:
    """σ^(−ν) exp(−Q/2σ²) against the pair law integrated over a flat centre."""
    from coulombfit import laws

    spectra = made(np.random.default_rng(1), runs=20)
    found = settings_of(spectra)
    assert found.sizes == (2, 1)
    pair = spectra[0].eigenvalues[:, :2]

    def by_integral(sigma: float) -> float:
        centres = np.linspace(3.8, 4.2, 2001)
        with jax.enable_x64(True):
            law = laws.OneSpeciesPair(jnp.asarray(centres)[:, None], sigma)
            values = np.asarray(law.log_prob(jnp.asarray(pair)).sum(axis=1))
        return special.logsumexp(values)

    sigmas = np.array([0.02, 0.03, 0.04])
    mine = -found.nu[0, 0] * np.log(sigmas) - found.q[0, 0] / (2 * sigmas**2)
    exact = np.array([by_integral(sigma) for sigma in sigmas])
    np.testing.assert_allclose(np.diff(mine), np.diff(exact), rtol=1e-6)


@pytest.mark.parametrize("nu", [3.0, 100.0, 1e5])
@pytest.mark.parametrize("ratio", [0.2, 1.0, 30.0])
@pytest.mark.parametrize("scatter", [1e-4, 0.05, 1.0])
def test_scatter_is_integrated_exactly(nu, ratio, scatter) -> None:
    half_q = 0.5 * nu * ratio
    with jax.enable_x64(True):
        found = float(log_scattered(jnp.array([nu]), jnp.array([half_q]), jnp.array(scatter))[0])
    log_f = lambda e: -nu * e - half_q * np.exp(-2 * e) - 0.5 * (e / scatter) ** 2  # noqa: E731
    most = 0.5 * np.log(ratio)
    grid = np.linspace(min(0.0, most), max(0.0, most), 2_000_001)
    mode = grid[np.argmax(log_f(grid))]
    width = 1 / np.sqrt(4 * half_q * np.exp(-2 * mode) + scatter**-2)
    value = integrate.quad(
        lambda e: np.exp(log_f(e) - log_f(mode)), mode - 12 * width, mode + 12 * width, epsrel=1e-12, limit=200
    )[0]
    expected = np.log(value) + log_f(mode) - np.log(scatter * np.sqrt(2 * np.pi))
    assert found == pytest.approx(expected, abs=2e-5 if nu < 10 else 1e-8)


@pytest.mark.slow
def test_the_rule_is_confirmed_and_refuted() -> None:
    rng = np.random.default_rng(2)
    result = cf.scaling(made(rng, scatter=0.02))
    assert result.diagnosis.passed, result.diagnosis
    for name in ("b_learning_rate", "b_batch_size"):
        b = result.table.loc[name]
        assert abs(b["mean"] - 1) < 3 * b["sd"]
        assert result.rule.loc[name, "log_bayes_factor"] > 0
    assert result.verdict.count("in agreement with 1") == 2
    amplitude = result.table.loc["amplitude[1]", "mean"] / result.table.loc["amplitude[0]", "mean"]
    assert amplitude == pytest.approx(2.0, rel=0.1)
    assert result.table.loc["scatter", "lower"] < 0.02 < result.table.loc["scatter", "upper"]
    wrong = cf.scaling(made(rng, b=1.6, scatter=0.02))
    assert wrong.table.loc["b_batch_size", "lower"] > 1.3
    assert wrong.rule.loc["b_batch_size", "log_bayes_factor"] < -3
    assert "NOT in agreement with 1" in wrong.verdict


@pytest.mark.long
def test_without_scatter_the_interval_is_too_narrow() -> None:
    spectra = made(np.random.default_rng(3), scatter=0.1, runs=1000)
    honest, naive = (cf.scaling(spectra, scatter=scatter) for scatter in (True, False))
    assert naive.table.loc["b_batch_size", "sd"] < 0.3 * honest.table.loc["b_batch_size", "sd"]
    assert "scatter" not in naive.table.index


@pytest.mark.long
def test_finite_steps_are_told_from_small_ones() -> None:
    """σ² ∝ α/(1 − αΩ/2) at αΩ up to 1.6."""
    rng, spectra = np.random.default_rng(4), []
    for rate in (0.1, 0.4, 0.8, 1.6):
        x = 4 + 0.05 * np.sqrt(rate / (1 - rate / 2)) * rng.standard_normal((2000, 1))
        spectra.append(cf.Spectra(x, rate, 16))
    result = cf.scaling(spectra, curvature=1.0)
    assert result.finite_step > 3
    assert "the form for finite steps is the better one" in result.verdict
    assert list(result.rule.index) == ["b_learning_rate"], "batch sizes do not differ"
    assert result.table.loc["b_learning_rate", "mean"] == pytest.approx(1.0, abs=0.1)
    with pytest.raises(ValueError, match=r"curvature: expected αΩ from 0 to below 2, got 0\.2 to 3\.2"):
        cf.scaling(spectra, curvature=2.0)


@pytest.mark.long
def test_intervals_of_the_exponents_hold_the_truth() -> None:
    """90 % intervals over data sets with scatter; the number held is binomial, 4 sd allowed."""
    rng, held = np.random.default_rng(5), []
    short = cf.Sampling(chains=2, warmup=300, draws=500)
    for _ in range(25):
        table = cf.scaling(made(rng, scatter=0.05, runs=100), seed=1, sampling=short).table
        held += [
            table.loc[name, "lower"] < 1 < table.loc[name, "upper"] for name in ("b_learning_rate", "b_batch_size")
        ]
    assert abs(np.mean(held) - 0.9) < 4 * np.sqrt(0.09 / len(held)) + 0.02


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (lambda s: s[:1], ValueError, "spectra: expected two settings or more, got 1"),
        (lambda s: [s[0], s[0]], ValueError, "spectra: expected settings that differ in learning_rate or batch_size"),
        (lambda s: [s[0], cf.Spectra(s[1].eigenvalues, 0.1)], cf.DataError, "expected a batch_size of every setting"),
        (
            lambda s: [s[0], cf.Spectra(s[1].eigenvalues[:, :2], 0.1, 8, targets=[4.0, 4.0])],
            cf.DataError,
            r"expected the same degenerate levels in every setting, got clusters of \(2, 1\) levels",
        ),
        (lambda s: [s[0], cf.Spectra(np.ones((9, 3)), 0.1, 8, targets=[4.0, 4.0, 1.0])], cf.DataError, "fluctuate"),
    ],
)
def test_spectra_that_cannot_be_scaled(change, error, message) -> None:
    with pytest.raises(error, match=message):
        cf.scaling(change(made(np.random.default_rng(6), runs=30)))


def test_factors_are_checked() -> None:
    with pytest.raises(ValueError, match=r"factors: expected positive numbers, shape \(6,\) or \(6, 2\), got \(2,\)"):
        cf.scaling(made(np.random.default_rng(6), runs=30), factors=[1.0, 2.0])


@pytest.mark.slow
@pytest.mark.skipif(not PUBLIC.is_dir(), reason="the public spectra are not here")
def test_public_spectra_scatter_and_follow_the_rule() -> None:
    files = sorted(PUBLIC.glob("*.npz"))
    spectra = [
        cf.read(file, weights="W", learning_rate="lr", batch_size="batch_size", factor="noise") for file in files
    ]
    result = cf.scaling(spectra)
    b = result.tree["posterior"]["b_batch_size"].to_numpy().ravel()
    lower, upper = np.quantile(b, [0.025, 0.975])
    assert lower < 1 < upper
    assert 0.03 < result.table.loc["scatter", "mean"] < 0.12
    naive = cf.scaling(spectra, scatter=False)
    assert naive.table.loc["b_batch_size", "lower"] > 1, "the interval is wrong without scatter"


def test_displacement_of_made_centres() -> None:
    """Y = t + d g + e g² with correlated levels: slopes, limits, and false alarms of all tests at once."""
    rng, alarms = np.random.default_rng(7), []
    slopes, mix = np.array([-3.0, 2.0]), np.array([[0.02, 0.0], [0.01, 0.02]])
    strengths = [(rate, batch) for rate in (0.1, 0.2, 0.4) for batch in (8, 16)]
    for _ in range(200):
        spectra = []
        for rate, batch in strengths:
            g = rate / batch
            x = np.array([4.0, 1.0]) + slopes * g - 10 * g**2 + rng.standard_normal((100, 2)) @ mix.T
            spectra.append(cf.Spectra(x, rate, batch, targets=[4.0, 1.0]))
        result = cf.displacement(spectra, predictions={"truth": slopes})
        alarms.append(result.tests["p_value"][["fit", "targets", "truth"]] < 0.05)
    assert (np.abs(np.mean(alarms, axis=0) - 0.05) < 4 * np.sqrt(0.05 * 0.95 / 200) + 0.02).all()
    assert result.tests["p_value"]["no displacement"] < 1e-3
    assert result.tests["p_value"]["repulsion alone"] < 1e-3
    assert "the data cannot tell whether slopes are those of truth" in result.verdict
    assert "NOT in agreement with repulsion alone" in result.verdict
    draws = result.tree["posterior"]["slope"].mean(("chain", "draw")).to_numpy()
    assert (np.abs(draws - result.table["slope"]) < 0.1 * result.table["slope sd"]).all()


def test_displacement_checks_its_arguments() -> None:
    spectra = made(np.random.default_rng(8), runs=30)
    with pytest.raises(ValueError, match=r"spectra: expected at least 3 values of α/\|B\|, got 2"):
        cf.displacement(spectra[:2])
    with pytest.raises(ValueError, match="predictions: expected 2 slopes of 'a', one a level, got shape"):
        cf.displacement(spectra, predictions={"a": [1.0]})
    with pytest.raises(ValueError, match="targets: expected 2, one a degenerate level"):
        cf.displacement(spectra, targets=[1.0])


@pytest.mark.long
def test_machines_follow_the_rule_and_perturbation_theory() -> None:
    """B = 1 and slopes of all six levels within 3 sd; repulsion alone is ruled out."""
    spectra, targets = [], gaussian_rbm.targets()
    for seed, (rate, batch) in enumerate([(0.05, 128), (0.05, 256), (0.025, 128), (0.025, 256)]):
        steps = int(np.ceil(gaussian_rbm.steps_to_stationarity(learning_rate=rate)))
        run = gaussian_rbm.simulate(
            learning_rate=rate, batch_size=batch, runs=600, steps=steps, dtype="float32", seed=seed
        )
        spectra.append(cf.Spectra(run.eigenvalues[:, -1], rate, batch, targets=targets))
    rule = cf.scaling(spectra)
    assert rule.diagnosis.passed
    for name in ("b_learning_rate", "b_batch_size"):
        assert abs(rule.table.loc[name, "mean"] - 1) < 3 * rule.table.loc[name, "sd"]
    levels = [0, 1, 3, 5, 7, 9]
    predicted = gaussian_rbm.displacements(learning_rate=0.05, batch_size=256)[levels] / (0.05 / 256)
    found = cf.displacement(spectra, predictions={"perturbation theory": predicted}, quadratic=False)
    assert (np.abs(found.table["slope"] - predicted) < 3 * found.table["slope sd"] + 0.15 * np.abs(predicted)).all()
    assert found.tests["p_value"]["repulsion alone"] < 1e-6
    np.testing.assert_allclose(
        found.table["repulsion alone"], [82.5, 10.8, 1.2, -0.8, -3.2, -16.5], rtol=0.05, atol=1.0
    )
