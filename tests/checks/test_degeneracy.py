"""Whether a pair is degenerate: verdicts, their rates of error, and students whose teachers are split."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import coulombfit as cf
from benchmarks.degeneracy import answers, data_sets
from coulombfit.answers.answer import Answer
from coulombfit.answers.result import Result
from coulombfit.checks.spectra.degeneracy import Degeneracy
from simulators import teacher_student


def made(factor: float, lower: float, upper: float, pareto_k: float = 0.1, *, converged: bool = True) -> Degeneracy:
    row = {"median": (lower + upper) / 2, "lower": lower, "upper": upper}
    table = pd.DataFrame.from_dict({"split": row, "split_over_width": row}, orient="index")
    return Degeneracy(table, factor, 0.01, pareto_k, 1.0, converged, xr.DataTree(), 100)


def test_the_three_answers() -> None:
    """Yes takes the evidence and an interval within the margin; no takes 20 to 1 and an interval without 0."""
    yes, no = made(1.0, 0.0, 0.9), made(-3.1, 0.5, 2.0)
    assert yes.answer is Answer.YES
    assert yes.verdict.startswith("this pair is degenerate, to within 1 σ; δ = 0.45 (90% interval 0.00 to 0.90)")
    assert no.answer is Answer.NO
    assert no.verdict.startswith("this pair is NOT degenerate, its levels are split; δ = ")
    assert "log Bayes factor for no split −3.1" in no.verdict
    for unsure in (
        made(1.0, 0.0, 1.1),
        made(0.6, 0.0, 0.9),
        made(-2.9, 0.5, 2.0),
        made(-3.1, 0.0, 2.0),
        made(9.0, 0.0, 0.2, pareto_k=0.8),
        made(-9.0, 1.0, 2.0, converged=False),
    ):
        assert unsure.answer is Answer.CANNOT_TELL
        assert unsure.verdict.startswith("the data cannot tell whether this pair is degenerate; δ = ")
    assert "unreliable" in made(9.0, 0.0, 0.2, pareto_k=0.8).verdict


@pytest.mark.slow
def test_data_are_asked() -> None:
    found = cf.degeneracy(data_sets(4.0, 60, 1)[0])
    assert isinstance(found, Result)
    assert found.answer is Answer.NO
    assert list(found.table.index) == ["split", "split_over_width", "centre", "sigma"]
    assert found.table.loc["split_over_width", "lower"] < 4 < found.table.loc["split_over_width", "upper"]
    assert found.verdict in found.summary()
    again = cf.degeneracy(data_sets(4.0, 60, 1)[0])
    assert again.log_bayes_factor == found.log_bayes_factor
    degenerate = cf.degeneracy(data_sets(0.0, 300, 1)[0])
    assert degenerate.answer is not Answer.NO
    assert degenerate.table.loc["split_over_width", "lower"] == 0.0


def test_what_is_no_question_is_refused() -> None:
    with pytest.raises(ValueError, match="model: expected one of 'split-pair', 'split-pair-two-widths', got 'two-spec"):
        cf.degeneracy(np.zeros((5, 2)), model="two-species")
    with pytest.raises(ValueError, match="margin: expected"):
        cf.degeneracy(np.zeros((5, 2)), margin=0.0)
    with pytest.raises(ValueError, match="data: expected pairs"):
        cf.degeneracy(np.random.default_rng(0).random((5, 3)))


@pytest.mark.long
@pytest.mark.parametrize(
    ("split", "runs", "wrong"), [(0.0, 100, Answer.NO), (1.0, 100, Answer.YES), (2.0, 300, Answer.YES)]
)
def test_wrong_answers_are_rare(split: float, runs: int, wrong: Answer) -> None:
    """Of 200 data sets, as in docs/checks.md: "split" of a degenerate pair in less than 0.5 %, "degenerate" of one at
    the margin in some 10 %, at twice the margin in none. Three standard errors above these are allowed, a false alarm
    of 2e-3; a rate of 5 % for "split", or of 20 % at the margin, fails with a probability above 0.9."""
    allowed = {0.0: 4, 1.0: 32, 2.0: 1}[split]
    assert sum(answer is wrong for answer in answers(split, runs, 200, seed=1)) <= allowed


@pytest.mark.long
@pytest.mark.parametrize(
    ("split", "runs", "right", "least"), [(0.0, 1000, Answer.YES, 0.8), (2.0, 300, Answer.NO, 0.9)]
)
def test_right_answers_are_given(split: float, runs: int, right: Answer, least: float) -> None:
    said = list(answers(split, runs, 100, seed=2))
    assert said.count(right) >= (least - 0.1) * len(said)


@pytest.mark.long
@pytest.mark.parametrize("split", [0.0, 0.0918, 0.1835, 0.3671])
def test_students_of_split_teachers_follow_rices_law(split: float) -> None:
    """Eq. 28, Z = 1, α = 0.1, noise 0.1, κ = 4 ± δ/2: δ and σ within three posterior sd, from spacings alone.

    The width by theory is that of κ = 4, 2√(4v). Minima of Eq. 7 in place of the matrix would have δ smaller by 0.08 at
    δ = 0.1835, forty sd.
    """
    run = teacher_student.simulate(
        kappa=[4 + split / 2, 4 - split / 2], Z=np.eye(2), learning_rate=0.1, noise=0.1, runs=20_000, steps=600, seed=5
    )
    table = cf.fit(np.asarray(run.eigenvalues)[:, -1], "split-pair", "spacing").table()
    sigma = 2 * np.sqrt(4 * 0.1 * 0.1**2 / (2 - 0.1))
    assert abs(table.loc["sigma", "mean"] - sigma) < 3 * table.loc["sigma", "sd"]
    if split:
        assert abs(table.loc["split", "mean"] - split) < 3 * table.loc["split", "sd"]
    else:
        assert table.loc["split", "lower"] == 0.0
