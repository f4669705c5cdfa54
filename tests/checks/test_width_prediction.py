"""Widths from drift and noise, and noise from batch sizes, where the answers are known."""

import numpy as np
import pytest

import coulombfit as cf
from coulombfit.answers.answer import Answer
from coulombfit.checks.training.noise_scaling import noise_scaling
from coulombfit.checks.training.width_prediction import WidthPrediction, predict_width
from simulators import gaussian_rbm, teacher_student

SETTING = {"learning_rate": 0.1, "batch_size": 16}
MACHINE = {"learning_rate": 0.05, "batch_size": 256}


def ar1(
    rng: np.random.Generator, decay: float, runs: int, snapshots: int, *, levels: int = 2, start: float = 0.0
) -> tuple[np.ndarray, np.ndarray]:
    """Levels of width 0.2 about 4, ``start`` standard deviations away, and their changes; only the mean has a law."""
    sd = 0.2 / np.sqrt(levels)
    x = np.empty((runs, snapshots + 1))
    x[:, 0] = 4.0 + sd * (start + rng.normal(size=runs))
    for t in range(snapshots):
        noise = sd * np.sqrt(1 - (1 - decay) ** 2) * rng.normal(size=runs)
        x[:, t + 1] = 4.0 + (1 - decay) * (x[:, t] - 4.0) + noise
    apart = rng.normal(size=(runs, snapshots + 1, levels))
    spectra = x[..., None] + apart - apart.mean(axis=-1, keepdims=True)
    return spectra[:, :-1], np.diff(spectra, axis=1)


@pytest.mark.slow
@pytest.mark.parametrize(("decay", "start"), [(0.3, 0.0), (0.1, 3.0)])
def test_coverage(decay: float, start: float) -> None:
    """Of 90 % intervals over 150 data sets of 40 runs, at rest and on their way; ± 3 standard errors, 2 % too low."""
    variance = 0.2**2 * (1 - (1 - decay) ** 2)
    true = {"omega": decay / 0.1, "g2": variance * 16 / (2 * 0.1**2), "centre": 4.0, "sigma": 0.2}
    hits = dict.fromkeys(true, 0)
    rng = np.random.default_rng(5)
    for _ in range(150):
        table = predict_width(*ar1(rng, decay, 40, 30, start=start), **SETTING).table
        for name, value in true.items():
            hits[name] += table.loc[name, "lower"] <= value <= table.loc[name, "upper"]
    for name, hit in hits.items():
        assert 0.88 - 3 * np.sqrt(0.09 / 150) < hit / 150 < 0.97, name


def test_the_convention() -> None:
    """Every draw obeys Eq. 9 with its finite-step factor; the seed makes the draws; one snapshot a run may do."""
    data = ar1(np.random.default_rng(0), 0.5, 400, 1, levels=3)
    found = predict_width(*data, **SETTING, seed=3)
    one = found.tree["posterior"]
    decay = 0.1 * one["omega"]
    np.testing.assert_allclose(one["sigma"] ** 2, 0.1 / 16 * one["g2"] / one["omega"] * 2 / (2 - decay))
    assert found.restoring == 1.0
    assert found.table.loc["sigma", "median"] == pytest.approx(0.2, rel=0.15)
    same = predict_width(data[0][:, 0], data[1][:, 0], **SETTING, seed=3)
    np.testing.assert_array_equal(same.table, found.table)
    assert "predicted σ = " in str(found.summary())


@pytest.mark.long
def test_gaussian_machines_before_they_are_stationary() -> None:
    """All start at the target: their scatter is 18 % below the width to come, which drift and noise predict."""
    with pytest.warns(UserWarning, match="not yet stationary"):
        run = gaussian_rbm.simulate(**MACHINE, runs=3000, steps=60, save_every=1, seed=2)
    x = run.eigenvalues[:, :, [1, 2]]
    found = predict_width(x[:, :-1], np.diff(x, axis=1), **MACHINE)
    true = gaussian_rbm.widths(**MACHINE)[1]
    row = found.table.loc["sigma"]
    assert np.sqrt(2 * x[:, :-1].mean(axis=2).var()) < 0.85 * true
    assert row["median"] == pytest.approx(true, rel=0.05)
    assert row["lower"] < 1.02 * true
    assert row["upper"] > 0.98 * true
    level = gaussian_rbm.targets()[1]
    assert found.table.loc["g2", "median"] == pytest.approx(4 * level**2 / (9 - level) ** 2, rel=0.03)
    assert found.table.loc["omega", "median"] == pytest.approx(2 * level / (9 - level) ** 2, rel=0.1)


@pytest.mark.long
def test_stationary_gaussian_machines() -> None:
    run = gaussian_rbm.simulate(**MACHINE, runs=128, steps=3500, save_every=1, seed=1)
    for pair, true in (([1, 2], 1), ([3, 4], 3)):
        x = run.eigenvalues[:, 1500:, pair]
        row = predict_width(x[:, :-1], np.diff(x, axis=1), **MACHINE).table.loc["sigma"]
        assert row["median"] == pytest.approx(gaussian_rbm.widths(**MACHINE)[true], rel=0.05)


def test_students() -> None:
    setting = {"learning_rate": 0.1, "batch_size": 1}
    run = teacher_student.simulate(Z=np.eye(2), noise=0.05, **setting, runs=100, steps=400, save_every=1, seed=1)
    x = run.eigenvalues[:, 100:]
    found = predict_width(x[:, :-1], np.diff(x, axis=1), **setting)
    true = teacher_student.widths(Z=np.eye(2), noise=0.05, **setting)[0]
    assert found.table.loc["sigma", "median"] == pytest.approx(true, rel=0.05)
    assert found.table.loc["omega", "median"] == pytest.approx(1.0, rel=0.1)
    assert found.compare(np.full(10, true)).answer is Answer.YES
    assert found.compare(np.full(10, 1.3 * true)).answer is Answer.NO
    assert "NOT in agreement" in found.compare(np.full(10, 1.3 * true)).verdict
    wide = found.compare(true * np.linspace(0.5, 1.5, 100))
    assert wide.answer is Answer.CANNOT_TELL
    assert wide.verdict.startswith("the data cannot tell whether")


def never(change: float) -> WidthPrediction:
    rng = np.random.default_rng(4)
    x = 4.0 + rng.normal(size=(60, 20, 2))
    return predict_width(x, change * (x - 4.0) + 0.5 * rng.normal(size=x.shape), **SETTING)


def test_what_does_not_come_back_is_said() -> None:
    for change, expected in ((0.02, "the drift is not significantly restoring"), (-2.2, "αΩ ≥ 2")):
        found = never(change)
        assert "no width is predicted" in found.verdict
        assert expected in found.verdict
        assert found.table.notna().all().all()
        assert np.isinf(found.table.loc["sigma", "upper"])
        ratio = found.compare([0.2, 0.3])
        assert ratio.answer is Answer.CANNOT_TELL
        assert ratio.verdict.startswith("the data cannot tell: no width is predicted, at most")
    assert never(0.02).answer is Answer.CANNOT_TELL
    assert never(0.02).verdict.startswith("the data cannot tell whether there is a stationary state")
    assert never(-2.5).answer is Answer.NO
    assert "steps are too large for it" in never(-2.5).verdict
    assert never(0.5).answer is Answer.NO
    assert "the drift is not restoring" in never(0.5).verdict
    assert never(-0.3).answer is Answer.YES
    assert never(0.0).restoring < 0.99
    assert never(-0.3).restoring == 1.0


@pytest.mark.long
def test_beside_a_fit(few: np.ndarray) -> None:
    """A fit's σ is taken, σ_m of two; what has neither is refused."""
    found = predict_width(*ar1(np.random.default_rng(0), 0.5, 100, 20), **SETTING)
    sampling = cf.Sampling(warmup=200, draws=200)
    for model, name in (("one-species", "sigma"), ("two-species", "sigma_m")):
        fit = cf.fit(few, model, sampler="nuts", sampling=sampling)
        ratio = found.compare(fit).table.loc["ratio", "median"]
        expected = found.table.loc["sigma", "median"] / float(fit.tree["posterior"][name].median())
        assert ratio == pytest.approx(expected, rel=0.03)


@pytest.mark.slow
def test_noise_of_simulated_batches() -> None:
    """One step from the target is noise alone; b = 1 within three standard deviations."""
    steps = {}
    for batch in (16, 64, 256):
        with pytest.warns(UserWarning, match="not yet stationary"):
            run = gaussian_rbm.simulate(
                learning_rate=0.05, batch_size=batch, runs=400, steps=1, save_every=1, keep_weights=True, seed=batch
            )
        steps[batch] = np.diff(run.weights, axis=1).reshape(len(run.weights), -1)
    found = noise_scaling(steps)
    b = found.tree["posterior"]["b"]
    assert abs(b.mean() - 1) < 3 * b.std()
    assert b.std() < 0.05
    assert found.p > 0.001
    assert list(found.variances["samples"]) == [400] * 3


@pytest.mark.slow
def test_exponents_of_noise() -> None:
    """90 % intervals over 200 data sets of 50 samples; other exponents, and no power at all, are said."""
    rng = np.random.default_rng(1)

    def drawn(samples: int, b: float) -> dict[int, np.ndarray]:
        return {size: 1.0 + rng.normal(size=(samples, 2)) * size ** (-b / 2) for size in (16, 64, 256)}

    found = [noise_scaling(drawn(50, 1.0)) for _ in range(200)]
    assert sum(one.answer is Answer.NO for one in found) <= 14, "at 1 % for b and 1 % for a power: 4 of 200"
    rows = [one.table.loc["b"] for one in found]
    assert 0.82 < np.mean([row["lower"] <= 1 <= row["upper"] for row in rows]) < 0.96
    assert "NOT in agreement with 1." in noise_scaling(drawn(500, 0.7)).verdict
    bent = {size: noise + (size == 64) * rng.normal(size=noise.shape) for size, noise in drawn(500, 1.0).items()}
    assert noise_scaling(bent).answer is Answer.NO
    assert "do not follow a power" in noise_scaling(bent).verdict
    assert noise_scaling(drawn(500, 1.0)).answer is Answer.YES
    few = noise_scaling({size: drawn(12, 1.0)[size] for size in (16, 64)})
    assert few.answer is Answer.CANNOT_TELL
    assert few.verdict.startswith("the data cannot tell whether noise scales")
    assert noise_scaling({size: drawn(30, 1.0)[size][:, 0] for size in (16, 256)}).p == 1.0


def test_what_is_refused() -> None:
    x, d = ar1(np.random.default_rng(0), 0.5, 20, 5)
    for levels, changes, expected in (
        (x[0, 0], d, r"levels: expected shape \(run, snapshot, level\) or \(run, level\), got \(2,\)"),
        (x, d[:, :-1], r"changes: expected the shape of levels, \(20, 5, 2\), got \(20, 4, 2\)"),
        (x[:5], d[:5], "levels: expected at least 10 runs, .* got 5 runs and 25 steps"),
        (x[:, 0], d[:, 0], "levels: expected .* 50 steps in all, got 20 runs and 20 steps"),
        (0 * x, d, "levels: expected means that fluctuate and change"),
        (x, 0 * d, "levels: expected means that fluctuate and change"),
    ):
        with pytest.raises(cf.DataError, match=expected):
            predict_width(levels, changes, **SETTING)
    with pytest.raises(ValueError, match="learning_rate: expected a finite number above 0, got -1"):
        predict_width(x, d, learning_rate=-1, batch_size=16)
    found = predict_width(x, d, **SETTING)
    with pytest.raises(cf.DataError, match="inferred: expected positive draws"):
        found.compare([0.1, -0.1])
    noise = np.random.default_rng(0).normal(size=20)
    with pytest.raises(ValueError, match="steps: expected at least two batch sizes, got 1"):
        noise_scaling({16: noise})
    for steps, expected in (
        ({16: noise, 32: noise[:5]}, r"steps\[32\]: expected at least 10 samples"),
        ({16: noise, 32: 0 * noise}, r"steps\[32\]: expected steps that differ, got 20 alike"),
        ({16: noise, 32: noise.reshape(10, 2)}, r"steps: expected as many components at every \|B\|, got \[1, 2\]"),
    ):
        with pytest.raises(cf.DataError, match=expected):
            noise_scaling(steps)
