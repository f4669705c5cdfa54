"""Learning curves: Eq. 22 is found where it holds, with honest intervals, and refused where it does not."""

import numpy as np
import pytest

import coulombfit as cf
from coulombfit.answers.answer import Answer
from coulombfit.checks.training.learning_curve import LearningCurve, curve, learning_curve
from simulators import teacher_student

TRUE = {"kappa": (4.0, 1.0), "start": (0.5, 0.2), "rate": (0.05, 0.02)}
STEPS = np.arange(0, 160, 8)


def runs_of(
    rng: np.random.Generator, runs: int, steps: np.ndarray = STEPS, *, scatter: float = 0.1, levels: int = 2
) -> np.ndarray:
    """Eq. 22 with noise that remembers 30 steps and grows with √x."""
    memory = np.linalg.cholesky(np.exp(-np.abs(steps[:, None] - steps) / 30.0))
    drawn = []
    for kappa, start, rate in list(zip(*TRUE.values(), strict=True))[:levels]:
        mean = curve(steps, np.sqrt(kappa), np.sqrt(start), rate)
        drawn.append(mean + scatter * np.sqrt(mean) * (rng.normal(size=(runs, len(steps))) @ memory.T))
    return np.stack(drawn, axis=-1)


def inside(found: LearningCurve, level: int = 0) -> list[bool]:
    rows = ((found.table.loc[f"{name}[{level}]"], values[level]) for name, values in TRUE.items())
    return [bool(row["lower"] <= value <= row["upper"]) for row, value in rows]


def test_recovery() -> None:
    found = learning_curve(runs_of(np.random.default_rng(0), 1000), STEPS, seed=1)
    for name, values in TRUE.items():
        posterior = found.tree["posterior"][name]
        assert posterior.dims == ("chain", "draw", "level")
        np.testing.assert_allclose(posterior.mean(("chain", "draw")), values, rtol=0.03)
        assert (np.abs(posterior.mean(("chain", "draw")) - values) < 4 * posterior.std(("chain", "draw"))).all()
    assert found.described
    assert found.answer is Answer.YES
    assert found.verdict.startswith("Eq. 22 describes the mean curves of 1000 runs at 20 steps")
    assert (found.fits["pareto_k"] < 0.7).all()
    drawn = found.curves([0.0, 1e6])
    np.testing.assert_allclose(drawn.isel(step=0), found.tree["posterior"]["start"])
    np.testing.assert_allclose(drawn.isel(step=1), found.tree["posterior"]["kappa"])
    again = learning_curve(runs_of(np.random.default_rng(0), 1000), STEPS, seed=1)
    np.testing.assert_array_equal(found.table, again.table)


@pytest.mark.long
@pytest.mark.parametrize(("runs", "snapshots"), [(24, 6), (500, 20)])
def test_coverage(runs: int, snapshots: int) -> None:
    """90 % intervals over 120 data sets, and false alarms of the fit, ± 3 standard errors; few runs included."""
    steps = np.linspace(0, 150, snapshots).round()
    hits, p_values = [], []
    for seed in range(120):
        found = learning_curve(runs_of(np.random.default_rng(seed), runs, steps, scatter=0.05, levels=1), steps)
        hits.append(inside(found))
        p_values.append(found.fits["p_value"].iloc[0])
    assert (np.abs(np.mean(hits, axis=0) - 0.9) < 3 * np.sqrt(0.09 / 120)).all(), np.mean(hits, axis=0)
    assert abs(np.mean(np.array(p_values) < 0.1) - 0.1) < 3 * np.sqrt(0.09 / 120)


def aligned_students(kappa: np.ndarray, rates: np.ndarray, noise: float) -> np.ndarray:
    """X of W ← W + αλ(W_t − W − η), singular vectors being the teacher's from the start; λ = rates, α = 0.1."""
    rng = np.random.default_rng(8)
    teacher = np.diag(np.sqrt(kappa))
    weights = np.broadcast_to(np.diag(np.sqrt([0.6, 0.1])), (400, 2, 2))
    seen = []
    for _ in range(120):
        step = 0.1 * rates[:, None]
        weights = weights + step * (teacher - weights - noise * rng.normal(size=weights.shape))
        seen.append(np.linalg.svd(weights, compute_uv=False) ** 2)
    return np.stack(seen, axis=1)


def test_aligned_students_learn_as_eq_22_has_it() -> None:
    """Rates are −ln(1 − αλ), and with g̃² = 2κλ²s² the widths are those of linear response."""
    kappa, rates, noise = np.array([4.0, 1.0]), np.array([0.6, 0.3]), 0.02
    found = learning_curve(aligned_students(kappa, rates, noise), np.arange(1, 121), seed=2)
    assert found.described, found.verdict
    posterior = found.tree["posterior"]
    np.testing.assert_allclose(posterior["rate"].mean(("chain", "draw")), -np.log(1 - 0.1 * rates), rtol=0.01)
    np.testing.assert_allclose(posterior["start"].mean(("chain", "draw")), [0.6, 0.1], rtol=0.02)
    widths = found.widths(2 * kappa * rates**2 * noise**2, learning_rate=0.1, batch_size=1)
    assert widths.dims == ("chain", "draw", "level")
    expected = teacher_student.widths(Z=np.diag(np.sqrt(rates)), kappa=kappa, noise=noise)
    np.testing.assert_allclose(widths.mean(("chain", "draw")), expected, rtol=0.01)


@pytest.mark.slow
def test_random_starts_are_not_eq_22() -> None:
    """Singular vectors have to turn first; the verdict says so."""
    run = teacher_student.simulate(Z=np.diag([1.0, 0.5]), noise=0.05, runs=500, steps=400, save_every=4, seed=3)
    found = learning_curve(run.eigenvalues, run.steps)
    assert found.answer is Answer.NO
    assert "(p < 0.001)" in found.verdict
    assert not found.described
    assert "Eq. 22 does NOT describe the mean curve of level" in found.verdict
    assert "rates are not those of single runs" in found.verdict


def test_what_does_not_learn_has_no_rate() -> None:
    x = 4.0 + 0.1 * np.random.default_rng(0).normal(size=(60, 12, 1))
    found = learning_curve(x, np.arange(12))
    assert found.answer is Answer.CANNOT_TELL
    assert found.verdict.startswith("the data cannot tell whether Eq. 22 describes the mean curves of 60 runs")
    assert "the rate of level 0 is not determined" in found.verdict
    assert found.described


def test_thinning() -> None:
    """At most 24 snapshots and R/4, spread over all scales of time, first and last among them."""
    steps = np.arange(3000)
    rng = np.random.default_rng(0)
    for runs, most in ((24, 6), (80, 20)):
        x = 4.0 + 0.1 * rng.normal(size=(runs, 3000, 1))
        used = learning_curve(x, steps).steps
        assert (len(used), used[0], used[-1]) == (most, 0, 2999)
        assert used[most // 2] < 300


def test_what_is_refused() -> None:
    x = runs_of(np.random.default_rng(0), 30)
    still = x.copy()
    still[:, 0] = 0.5
    seven = x[:, :7].copy()
    seven[:, 6] = 2 * seven[:, 0]
    for eigenvalues, steps, expected in (
        (x[0], STEPS, r"eigenvalues: expected shape \(run, snapshot, level\), got \(20, 2\)"),
        (x, STEPS[:-1], r"steps: expected shape \(20,\), ascending from 0 or above, got \(19,\)"),
        (x, STEPS[::-1], "steps: expected .* ascending"),
        (-x, STEPS, "eigenvalues: expected squared singular values, got a mean of -"),
        (x[:, :5], STEPS[:5], "eigenvalues: expected at least 6 snapshots, .* got 5 snapshots of 30 runs"),
        (x[:20], STEPS, "24 in all, got 20 snapshots of 20 runs"),
        (still, STEPS, "expected runs that differ, got level 0 the same in all at step 0"),
        (seven, STEPS[:7], "level 0 at some of 7 steps determined by others"),
    ):
        with pytest.raises(cf.DataError, match=expected):
            learning_curve(eigenvalues, steps)
    with pytest.raises(ValueError, match="seed: expected"):
        learning_curve(x, STEPS, seed=-1)
    found = learning_curve(x, STEPS)
    with pytest.raises(ValueError, match=r"g2: expected positive numbers, one or 2, got shape \(3,\)"):
        found.widths([1.0, 1.0, 1.0], 0.1, 16)
    with pytest.raises(ValueError, match="batch_size: expected a finite number above 0, got 0"):
        found.widths(1.0, 0.1, 0)
