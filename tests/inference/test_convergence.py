"""The gate fails what has not converged, and never passes what it did not see."""

import json
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import coulombfit as cf
from coulombfit import diagnose
from coulombfit.answers.answer import Answer
from coulombfit.models import MODELS
from coulombfit.report.verdicts import Verdict, _gate
from simulators import ensembles

CHAINS, DRAWS = 4, 500


def tree(**changes: np.ndarray | None) -> xr.DataTree:
    """A converged fit of independent draws, with some variables replaced, or left out where None."""
    rng = np.random.default_rng(0)
    shape = (CHAINS, DRAWS)
    posterior = {"sigma": rng.normal(size=shape), "centre": rng.normal(size=shape)}
    stats = {
        "diverging": np.zeros(shape, bool),
        "energy": rng.normal(size=shape),
        "reached_max_treedepth": np.zeros(shape, bool),
    }
    for name, values in changes.items():
        group = posterior if name in posterior else stats
        if values is None:
            del group[name]
        else:
            group[name] = values
    dims = ("chain", "draw")
    return xr.DataTree.from_dict(
        {
            "posterior": xr.Dataset({name: (dims, values) for name, values in posterior.items()}),
            "sample_stats": xr.Dataset({name: (dims, values) for name, values in stats.items()}),
        }
    )


def status(diagnosis, name: str) -> str:
    return {check.name: check.status for check in diagnosis.checks}[name]


def test_a_converged_fit_passes_every_check() -> None:
    diagnosis = diagnose(tree())
    assert diagnosis.passed
    assert diagnosis.verdict == "Converged: every check passed."
    assert {check.status for check in diagnosis.checks} == {"passed"}


def one(value: float) -> np.ndarray:
    flags = np.zeros((CHAINS, DRAWS), bool)
    flags[0, 0] = value
    return flags


RNG = np.random.default_rng(1)
NORMAL = RNG.normal(size=(CHAINS, DRAWS))


@pytest.mark.parametrize(
    ("change", "failing"),
    [
        ({"sigma": NORMAL + np.array([[0], [0], [0], [2]])}, "R-hat"),
        ({"sigma": np.full((CHAINS, DRAWS), 1.0)}, "R-hat"),
        ({"sigma": np.cumsum(NORMAL, axis=1)}, "bulk ESS"),
        ({"sigma": np.where(np.arange(DRAWS) < 60, 50.0, 0.0) + 1e-3 * NORMAL}, "tail ESS"),
        ({"diverging": one(True)}, "divergences"),
        ({"energy": np.cumsum(NORMAL, axis=1)}, "E-BFMI"),
        ({"reached_max_treedepth": one(True)}, "saturated treedepth"),
    ],
)
def test_each_fault_fails_its_check(change, failing) -> None:
    with np.errstate(all="ignore"):
        diagnosis = diagnose(tree(**change))
    assert status(diagnosis, failing) == "failed"
    assert not diagnosis.passed
    assert diagnosis.verdict.startswith("NOT CONVERGED")
    assert failing in diagnosis.verdict


@pytest.mark.parametrize(
    ("missing", "check"),
    [("diverging", "divergences"), ("energy", "E-BFMI"), ("reached_max_treedepth", "saturated treedepth")],
)
def test_what_is_absent_is_not_run_and_not_passed(missing, check) -> None:
    diagnosis = diagnose(tree(**{missing: None}))
    assert status(diagnosis, check) == "not run"
    assert not diagnosis.passed
    assert "not established" in diagnosis.verdict
    assert f"{check}: absent" in str(diagnosis)


def test_one_chain_has_no_r_hat_and_an_empty_tree_nothing() -> None:
    short = xr.DataTree.from_dict({name: node.to_dataset().isel(chain=[0]) for name, node in tree().children.items()})
    assert status(diagnose(short), "R-hat") == "not run"
    assert {check.status for check in diagnose(xr.DataTree()).checks} == {"not run"}


def fitted(model: str, likelihood: str, runs: int, *, pooled: bool = False) -> xr.DataTree:
    """A converged fit with the record of what was fitted."""
    found = tree()
    data = {"runs": runs, "pooled": pooled}
    found.attrs["coulombfit"] = json.dumps({"model": model, "likelihood": likelihood, "data": data})
    return found


def test_too_few_runs_are_said_and_are_not_a_matter_of_convergence() -> None:
    diagnosis = diagnose(fitted("two-species", "pair", 29))
    assert status(diagnosis, "runs for this likelihood") == "failed"
    assert diagnosis.passed
    assert diagnosis.verdict.startswith("Converged; too few runs for this likelihood: 29, where")
    assert "nominal from 30 on" in diagnosis.verdict
    assert "every check passed" not in str(diagnosis)
    enough = diagnose(fitted("two-species", "pair", 30))
    assert status(enough, "runs for this likelihood") == "passed"
    assert enough.verdict == "Converged: every check passed."
    assert enough.few == ""


def test_levels_of_unknown_pairing_count_as_half_as_many_runs() -> None:
    assert "too few" in diagnose(fitted("two-species", "density", 58, pooled=True)).verdict
    assert "too few" not in diagnose(fitted("two-species", "density", 60, pooled=True)).verdict


def test_an_uncorrected_density_says_what_it_is() -> None:
    diagnosis = diagnose(fitted("one-species", "density-raw", 10_000))
    assert diagnosis.passed
    assert "'density-raw' takes the two levels of a run for independent" in diagnosis.verdict
    assert "every check passed" not in str(diagnosis)
    # levels without repulsion are independent
    assert diagnose(fitted("gaussian", "density-raw", 10)).verdict == "Converged: every check passed."


def test_without_a_record_of_a_known_model_runs_are_not_judged() -> None:
    names = [{check.name for check in diagnose(one).checks} for one in (tree(), fitted("mine", "pair", 2))]
    assert all("runs for this likelihood" not in each for each in names)


def test_every_model_says_from_how_many_runs_it_is_nominal() -> None:
    for model in MODELS.values():
        assert set(model.nominal_from) == {one.name for one in model.likelihoods}, model.name


@pytest.mark.slow
def test_few_runs_are_said_by_fit_by_fit_many_and_after_loading(tmp_path: Path) -> None:
    pairs = ensembles.two_species(centre=4.0, sigma_1=0.04, sigma_2=0.02, runs=40, seed=0)
    few, enough = cf.Spectra(pairs[:10], name="few"), cf.Spectra(pairs, name="enough")
    fit = cf.fit(few, "two-species", sampler="laplace", seed=0)
    said = "too few runs for this likelihood: 10, where simulated intervals are nominal from 30 on"
    assert said in fit.diagnosis.verdict
    assert said in fit.summary()
    assert _gate({"few": fit}) == Verdict(
        f"Did the sampler converge? Yes, every check passed, for few. But of few: {fit.diagnosis.few}.",
        Answer.CANNOT_TELL,
    )
    fit.save(tmp_path / "few.nc")
    assert said in cf.Fit.load(tmp_path / "few.nc").summary()
    many = cf.fit_many([few, enough], "two-species")
    assert f"all 2 fits have converged; {said}" in many.verdict
    assert many.verdict.endswith("(few).")
    assert list(many.fits["enough_runs"]) == [False, True]


@pytest.mark.slow
def test_a_summary_says_that_equal_widths_are_not_excluded() -> None:
    """In the table as numbers and as text, of one fit and of many, and after loading."""
    pairs = ensembles.one_species(centre=4.0, sigma=0.04, runs=60, seed=3)
    fit = cf.fit(pairs, "two-species", sampler="laplace", seed=0)
    assert fit.table().loc["r", "lower"] == 0.0
    assert float(fit.formatted().loc["r", "lower"]) == 0.0
    assert "r from 0: the data do not exclude σ₁ = σ₂" in fit.summary()
    assert fit.table().loc["sigma_1", "lower"] <= fit.table().loc["sigma_m", "lower"]
    assert cf.fit_many([pairs], "two-species").table.loc[("spectrum 0", "r"), "lower"] == 0.0
    apart = ensembles.two_species(centre=4.0, sigma_1=0.04, sigma_2=0.01, runs=300, seed=3)
    assert "do not exclude" not in cf.fit(apart, "two-species", sampler="laplace", seed=0).summary()
