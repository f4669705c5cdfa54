"""Thresholds of rules, each held from both sides: a rule that is a little laxer or stricter fails here."""

import numpy as np
import pytest
from scipy import stats

from coulombfit.degeneracy import group_by_gaps, group_by_targets


def of_unit_width(runs: int) -> np.ndarray:
    """Levels over the runs with mean 0 and standard deviation 1, both exact."""
    scores = stats.norm.ppf((np.arange(runs) + 0.5) / runs)
    return scores / scores.std(ddof=1)


@pytest.mark.parametrize(("gap", "groups"), [(2.95, [[0, 1]]), (3.1, [[0], [1]])])
def test_levels_are_resolved_from_three_standard_deviations_on(gap: float, groups: list) -> None:
    """With so many runs that what they leave uncertain about the width is below a per cent."""
    level = of_unit_width(20_000)
    assert group_by_gaps(np.stack([level + gap, level], axis=1)) == groups


@pytest.mark.parametrize(("apart", "groups"), [(0.099, [[0, 1]]), (0.101, [[0], [1]])])
def test_targets_agree_to_a_tenth_of_a_standard_deviation(apart: float, groups: list) -> None:
    """Of the narrower of two levels."""
    level = of_unit_width(50)
    for widths in ((1.0, 1.0), (1.0, 3.0), (3.0, 1.0)):
        eigenvalues = np.stack([10.0 + widths[0] * level, widths[1] * level], axis=1)
        assert group_by_targets(eigenvalues, np.array([apart, 0.0])) == groups


@pytest.mark.parametrize(("runs", "limit"), [(3, 11.0), (10, 4.82), (100, 3.4)])
def test_few_runs_raise_the_limit_by_their_uncertainty(runs: int, limit: float) -> None:
    """3 √(ν/χ²_0.01(ν)) with ν = 2(n − 1): a true pair is parted in less than one case in a hundred."""
    freedom = 2 * (runs - 1)
    exact = 3.0 * np.sqrt(freedom / stats.chi2.ppf(0.01, freedom))
    assert exact == pytest.approx(limit, rel=0.01)
    level = of_unit_width(runs)
    for factor, count in ((0.99, 1), (1.01, 2)):
        assert len(group_by_gaps(np.stack([level + factor * exact, level], axis=1))) == count
