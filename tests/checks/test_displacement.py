"""Displacement of centres: error rates where runs are few, and its three answers."""

import importlib

import numpy as np
import pytest
from scipy import stats

import coulombfit as cf
from coulombfit.answers.answer import Answer
from coulombfit.checks.settings.statistics import Settings

G = np.geomspace(1.0, 16.0, 5)
TARGETS = 6.0 - np.arange(6.0)


def made(rng: np.random.Generator, runs: int, width: float, slope: float = 0.0, power: float = 0.5) -> Settings:
    """Six levels, correlated by 0.3 and of widths in proportion to g^power, on lines of one slope."""
    mix = np.linalg.cholesky(0.3 + 0.7 * np.eye(6))
    x = rng.standard_normal((G.size, runs, 6)) @ mix.T * width * G[:, None, None] ** power
    x += TARGETS + slope * G[:, None, None]
    covariance = np.stack([np.cov(one, rowvar=False) / runs for one in x])
    q = x.var(axis=1) * runs
    ones = np.ones((G.size, 6))
    names = tuple("abcde")
    return Settings(
        names=names,
        learning_rate=G,
        batch_size=np.ones(5),
        sizes=(1,) * 6,
        runs=np.full(5, float(runs)),
        nu=ones * (runs - 1),
        q=q,
        centre=x.mean(axis=1),
        covariance=covariance,
        factor=ones,
    )


def displaced(monkeypatch: pytest.MonkeyPatch, settings: Settings, quadratic: bool = False) -> cf.Displacement:
    module = importlib.import_module("coulombfit.checks.settings.displacement")
    monkeypatch.setattr(module, "settings_of", lambda spectra: settings)
    return module.displacement([], targets=TARGETS, quadratic=quadratic)


@pytest.mark.long
@pytest.mark.parametrize("runs", [30, 10])
@pytest.mark.parametrize("power", [0.0, 0.5])
def test_a11_false_alarms_and_coverage_are_nominal_at_few_runs(
    monkeypatch: pytest.MonkeyPatch, runs: int, power: float
) -> None:
    """False alarm 1e-3 over the three tests; a rate of 10 % at nominal 5 % fails with a probability above 0.99."""
    rng, alarms, held, repetitions = np.random.default_rng(11), [], [], 1000
    for _ in range(repetitions):
        found = displaced(monkeypatch, made(rng, runs, 1e-3, power=power))
        alarms.append(found.tests["p_value"][["fit", "no displacement", "targets"]] < 0.05)
        table = found.table
        held.append((table["slope lower"] < 0) & (table["slope upper"] > 0))
    assert (np.sum(alarms, axis=0) <= stats.binom.isf(1e-3 / 3, repetitions, 0.05)).all()
    assert 0.88 < np.mean(held) < 0.92


def test_three_answers_of_displacement(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(3)
    yes = displaced(monkeypatch, made(rng, 30, 0.01, slope=0.02))
    assert yes.answer is Answer.YES
    assert yes.verdict.startswith("centres are displaced (p of no displacement < 0.001)")
    no = displaced(monkeypatch, made(rng, 1000, 0.01))
    assert no.answer is Answer.NO
    assert no.verdict.startswith("centres are not displaced by more than 0.5 standard deviations of a level")
    assert no.tests["answer"]["targets"] is Answer.YES
    unknown = displaced(monkeypatch, made(rng, 10, 0.01))
    assert unknown.answer is Answer.CANNOT_TELL
    assert unknown.verdict.startswith("the data cannot tell whether centres are displaced")
    assert "agreement with their targets" not in unknown.verdict


def test_centres_on_no_line_tell_nothing_of_displacement(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = made(np.random.default_rng(4), 100, 0.01)
    settings.centre[2] += 1.0
    found = displaced(monkeypatch, settings)
    assert found.tests["answer"]["fit"] is Answer.NO
    assert found.answer is Answer.CANNOT_TELL
    assert found.verdict.startswith("the centres are no line")


@pytest.mark.slow
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
