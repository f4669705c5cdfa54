"""The gate fails what has not converged, and never passes what it did not see."""

import numpy as np
import pytest
import xarray as xr

from coulombfit import diagnose

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
