"""Thresholds of rules, each held from both sides: a rule that is a little laxer or stricter fails here."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy import stats

import coulombfit as cf
from coulombfit import diagnose
from coulombfit.data.clusters import group_by_gaps, group_by_targets
from coulombfit.inference import convergence as diagnostics
from coulombfit.samplers.importance import Integral
from coulombfit.samplers.newton import Peak


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


def statuses(tree: xr.DataTree) -> dict[str, str]:
    return {check.name: check.status for check in diagnose(tree).checks}


@pytest.mark.parametrize(("k_hat", "effective"), [(0.7, 400.0), (0.701, 400.0), (0.7, 399.0)])
def test_resampled_points_pass_up_to_a_pareto_k_of_0_7_and_from_400_effective_draws_on(k_hat, effective) -> None:
    stats_of = xr.Dataset({"pareto_k": k_hat, "effective": effective})
    found = statuses(xr.DataTree.from_dict({"sample_stats": stats_of}))
    assert found["Pareto k-hat"] == ("passed" if k_hat <= 0.7 else "failed")
    assert found["effective draws"] == ("passed" if effective >= 400 else "failed")


@pytest.mark.parametrize(
    ("name", "values", "function"),
    [
        ("R-hat", (1.01, 1.0101), "rhat"),
        ("bulk ESS", (400.0, 399.0), "ess"),
        ("tail ESS", (400.0, 399.0), "ess"),
        ("E-BFMI", (0.3, 0.299), "bfmi"),
    ],
)
def test_chains_pass_up_to_the_thresholds_that_are_told(name, values, function, monkeypatch) -> None:
    """R̂ ≤ 1.01, ESS ≥ 400, E-BFMI ≥ 0.3."""
    draws = ("chain", "draw"), np.zeros((4, 10))
    tree = xr.DataTree.from_dict(
        {"posterior": xr.Dataset({"sigma": draws}), "sample_stats": xr.Dataset({"energy": draws})}
    )

    def told(of_what: str, value: float):
        return lambda dataset, **_: xr.Dataset(
            {of: ("chain", [value]) if of_what == "bfmi" else value for of in dataset.data_vars}
        )

    for value, status in zip(values, ("passed", "failed"), strict=True):
        for other, fine in (("rhat", 1.0), ("ess", 1000.0), ("bfmi", 1.0)):
            monkeypatch.setattr(diagnostics.azs, other, told(other, value if other == function else fine))
        assert statuses(tree)[name] == status


def weighed(k_hat: float, share: float = 1.0) -> Integral:
    """A thousand points of which a share has all the weight."""
    count = round(1000 * share)
    log_weights = np.where(np.arange(1000) < count, -np.log(count), -np.inf)
    peak = Peak(np.zeros(1), np.eye(1), *[np.zeros(())] * (len(Peak._fields) - 2))
    return Integral(log_value=0.0, se=0.0, k_hat=k_hat, points=np.zeros((1000, 1)), log_weights=log_weights, peak=peak)


def test_integrals_are_trusted_up_to_a_pareto_k_of_0_7_and_kept_up_to_0_4() -> None:
    assert [weighed(k_hat).reliable for k_hat in (0.69, 0.7, 0.71)] == [True, True, False]
    assert [weighed(k_hat).good for k_hat in (0.39, 0.4, 0.41)] == [True, True, False]
    assert [weighed(0.0, share).good for share in (0.31, 0.29)] == [True, False]


@pytest.mark.parametrize(
    ("total", "errors", "preferred"), [(3.9, 100.0, False), (4.1, 100.0, True), (20.0, 1.95, False), (20.0, 2.05, True)]
)
def test_a_preference_is_more_than_4_and_more_than_2_standard_errors(total, errors, preferred) -> None:
    runs = 1000
    swing = np.where(np.arange(runs) % 2, 1.0, -1.0)
    # the standard error of a sum of n is √n times the standard deviation
    difference = total / runs + swing * total / errors / np.sqrt(runs)
    pointwise = xr.Dataset({"one": ("run", difference), "other": ("run", np.zeros(runs))})
    result = cf.Comparison(pd.DataFrame(), pointwise, {})
    assert bool(result.preferred("one", "other")) is preferred
