"""Intervals have their nominal coverage, or the diagnosis says that the runs are too few.

The unit of replication is the data set. At 90 % nominal, 1000 fits put the observed coverage within 86 to 94 % with a
false-alarm rate below one in ten thousand a parameter, 500 fits within 84.6 to 95.4 %; a true coverage of 80 % fails
with a probability above 0.99. The seeds are fixed. Chains fit some of the same data sets, and must cover as often as
importance sampling does there.
"""

from functools import cache

import numpy as np
import pandas as pd
import pytest

import coulombfit as cf
from benchmarks.coverage import NOMINAL, RUNS, TRUTHS, covered, data_sets, fits, two_widths
from coulombfit.models import MODELS
from coulombfit.samplers.settings import SAMPLERS

# one true pair in ten thousand is doubted, and here are as many
pytestmark = pytest.mark.filterwarnings("ignore:.*do not look like a degenerate pair")

SETS = {"laplace": 1000, "nuts": 150}
CASES = {"one-species": 30, "two-species": 100}
"""Runs of a data set."""
CELLS = [
    (model, likelihood.name)
    for model, one in MODELS.items()
    for likelihood in one.likelihoods
    if not (likelihood.over_time or likelihood.spread_of_runs)
]
"""Of ensembles by their likelihood; trajectories are in tests/inference/test_trajectories.py, conditionals of levels,
with intervals by the spread of runs, in tests/inference/test_sandwich.py."""


@cache
def inside(model: str, sampler: str) -> pd.DataFrame:
    """Whether each fit's interval holds the truth, by parameter."""
    sampling = cf.Sampling(chains=2, draws=1000)
    data = list(data_sets(model, CASES[model], SETS["laplace"])[: SETS[sampler]])
    many = cf.fit_many(data, model, sampler=sampler, sampling=sampling)
    assert many.fits["converged"].mean() > 0.98
    return covered(many.table, TRUTHS[model])


@pytest.mark.parametrize(
    "model",
    [pytest.param(name, marks=pytest.mark.long) for name in CASES],
)
def test_ninety_percent_intervals_cover(model: str) -> None:
    rates = inside(model, "laplace").mean()
    assert rates.between(0.86, 0.94).all(), rates


@pytest.mark.long
@pytest.mark.parametrize("model", CASES)
def test_intervals_of_chains_cover_the_same_data_sets(model: str) -> None:
    assert set(SETS) == set(SAMPLERS)
    chains = inside(model, "nuts").to_numpy()
    points = inside(model, "laplace").to_numpy()[: len(chains)]
    # both have Monte Carlo errors in their ends, of some 4 % of a sd: few data sets lie so close
    assert (np.mean(chains != points, axis=0) <= 0.06).all()
    assert (np.abs(chains.mean(axis=0) - points.mean(axis=0)) <= 0.03).all()


@pytest.mark.slow
def test_fit_covers_as_fit_many_does() -> None:
    """Of the density of three runs, to what 4000 draws and 4096 simulated pairs leave of the ends of a skew law."""
    data = data_sets("one-species", 3, 12)
    many = cf.fit_many(list(data), "one-species", "density").table
    for k, levels in enumerate(data):
        one = cf.fit(levels, "one-species", "density", sampler="laplace").table()
        together = many.loc[f"spectrum {k}"]
        width = one["upper"] - one["lower"]
        for end in ("lower", "upper"):
            assert (np.abs(one[end] - together[end]) < 0.25 * width).all()


@pytest.mark.long
@pytest.mark.parametrize(("model", "likelihood"), CELLS)
def test_intervals_are_nominal_or_runs_are_said_to_be_too_few(model: str, likelihood: str) -> None:
    """500 data sets at 3, 10 and 30 runs, and at the least number that the model claims."""
    least = MODELS[model].nominal_from[likelihood]
    error = np.sqrt(0.9 * 0.1 / 500)
    for runs in sorted({*RUNS, *([least] if least else [])}):
        many = fits(model, likelihood, runs, 500)
        if many.few:
            assert "too few runs for this likelihood" in many.verdict or "at no number of runs" in many.verdict
            assert not many.fits["enough_runs"].any()
        else:
            shares = covered(many.table, TRUTHS[model]).mean()
            # 87 to 93 % is asked of the truth, which 500 data sets know to their error
            assert shares.between(NOMINAL[0] - 2 * error, NOMINAL[1] + 2 * error).all(), (runs, shares)


@pytest.mark.parametrize(
    ("model", "likelihood", "runs"),
    [
        pytest.param("two-species", "pair", 30, marks=pytest.mark.long),
        pytest.param("anisotropic", "pair", 30, marks=pytest.mark.long),
        pytest.param("two-species", "pair", 300, marks=pytest.mark.long),
        pytest.param("anisotropic", "pair", 300, marks=pytest.mark.long),
        pytest.param("two-species", "density", 300, marks=pytest.mark.long),
    ],
)
def test_intervals_hold_two_widths(model: str, likelihood: str, runs: int) -> None:
    """σ₁ = σ₂ in 400 data sets: equal-tailed intervals of r never hold it, those of the widths in 50 to 73 %.

    At a true 90 %, fewer than 85.5 % have a probability below 2e-3 a number; at a true 80 % a power of 0.997.
    """
    truth = two_widths(0.0)
    table = fits(model, likelihood, runs, 400, truth).table
    shares = covered(table, truth).mean()
    assert (shares > 0.855).all(), shares
    at_edge = table.xs("r", level="parameter")["lower"] == 0
    assert shares["r"] == at_edge.mean()
    # where r may be 0, σ_m lies within what the widths may be
    widths = {name: table.xs(name, level="parameter")[at_edge.to_numpy()] for name in ("sigma_1", "sigma_2", "sigma_m")}
    assert (widths["sigma_1"]["lower"] <= widths["sigma_m"]["lower"]).all()
    assert (widths["sigma_2"]["upper"] >= widths["sigma_m"]["upper"]).all()


@pytest.mark.long
@pytest.mark.parametrize("model", ["two-species", "anisotropic"])
@pytest.mark.parametrize("r", [0.3, 0.6, 0.9])
def test_intervals_beyond_the_edge_are_nominal(model: str, r: float) -> None:
    """500 data sets of 300 runs; where 0 is excluded in some data sets and not in others, r is covered more often.

    A little beyond, coverage is 88 % in the limit of many runs: below 84 % has a probability of 3e-3 there.
    """
    truth = two_widths(r)
    table = fits(model, "pair", 300, 500, truth).table
    shares = covered(table, truth).mean()
    undecided = 0.02 < (table.xs("r", level="parameter")["lower"] == 0).mean() < 0.98
    assert shares.between(0.84, 0.99 if undecided else 0.95).all(), shares
