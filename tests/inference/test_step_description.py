"""Whether steps are described: p-values are calibrated, and what is wrong is told apart."""

import numpy as np
import pytest
from scipy import stats

from coulombfit.answers.answer import Answer
from coulombfit.inference.step_description import describe_steps
from coulombfit.models import Dyson
from tests.laws.matrices import levels_over_time

RATE = 0.1


def described(x: np.ndarray, steps: np.ndarray, **changed):
    """At the truth, or something else, as if the posterior were there."""
    model = Dyson((2,), tuple(steps))
    truth = {"centre": 4.0, "sigma": 0.05, "memory": float(np.exp(-RATE * model.interval))} | changed
    draws = {name: np.full((1, 5, 1), value) for name, value in truth.items()}
    return describe_steps(model.scores, draws, x)


def test_dysons_process_is_described_at_even_and_uneven_times() -> None:
    rng = np.random.default_rng(3)
    for steps in (np.arange(1000.0), np.cumsum(rng.choice([1.0, 2.0, 5.0], 1000))):
        found = described(levels_over_time(steps, rate=RATE), steps)
        assert found.answer is Answer.YES, found.verdict
        assert len(found.p_values) == 8
        assert "yes, the data look like those" in found.verdict


def test_what_is_wrong_is_told() -> None:
    """Another memory, another width, β = 2, a centre that drifts, and a width that grows."""
    steps = np.arange(2000.0)
    x = levels_over_time(steps, rate=RATE)
    memory = described(x, steps, memory=0.8)
    assert memory.answer is Answer.NO
    assert "memory of sum of levels 0, 1" in memory.verdict
    assert "their law is another one" in memory.verdict
    assert "distribution of steps" in described(x, steps, sigma=0.06).verdict
    complex_ones = described(levels_over_time(steps, rate=RATE, beta=2), steps)
    assert complex_ones.answer is Answer.NO
    assert "distribution of steps of spacing of levels 0, 1" in complex_ones.verdict
    drift = described(x + 0.1 * (steps / 2000.0 - 0.5)[:, None], steps)
    assert drift.answer is Answer.NO
    assert "not as predicted in mean of sum of levels 0, 1, early and late" in drift.verdict
    assert drift.verdict.endswith("centres or widths move: training is not stationary.")
    growing = described(4.0 + (x - 4.0) * (0.9 + 0.2 * steps / 2000.0)[:, None], steps)
    assert "variance of sum of levels 0, 1, early and late" in growing.verdict


def test_few_steps_cannot_tell() -> None:
    steps = np.arange(60.0)
    found = described(levels_over_time(steps, rate=RATE), steps)
    assert found.answer is Answer.CANNOT_TELL
    assert "the data cannot tell, 59 steps, 5.9 memory times of the slowest levels, are too few" in found.verdict


def test_long_runs_are_looked_at_in_parts() -> None:
    steps = np.arange(9000.0)
    found = described(levels_over_time(steps, rate=RATE), steps)
    assert found.answer is Answer.YES
    assert found.runs == 8999


@pytest.mark.slow
def test_p_values_are_uniform_at_the_truth() -> None:
    """200 trajectories: each quantity's own p-value, which twice the median over equal draws doubles, is uniform."""
    steps = np.arange(400.0)
    x = levels_over_time(steps, rate=RATE, runs=200)
    several = [described(one[None], steps) for one in x]
    assert sum(one.answer is Answer.NO for one in several) <= 4  # 0.3 % each; more in one case of ten thousand
    for name in several[0].p_values:
        p = np.array([one.p_values[name] for one in several]) / (2.0 * 8.0)
        below = np.mean(p < 0.06)  # adjusted ones end at 1
        assert stats.binomtest(round(below * 200), 200, 0.06).pvalue > 1e-4, name
