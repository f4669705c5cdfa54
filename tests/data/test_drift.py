"""Ensembles whose training still drifts, told by two of their snapshots."""

from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import coulombfit as cf
from coulombfit.data.drift import change
from tests.data.levels import pairs

# A7


def drifting(runs: int, slope: float, seed: int = 0) -> np.ndarray:
    """Four snapshots of independent pairs whose centre moves."""
    x = np.stack([pairs(runs, 10 * seed + k) for k in range(4)], axis=1)
    return x + slope * np.arange(4)[None, :, None]


def ensembles(folder: Path, x: np.ndarray) -> dict[str, object]:
    """The same snapshots in every shape in which they are read."""
    np.savez(folder / "x.npz", eigenvalues=x)
    named = xr.Dataset(
        {"eigenvalues": (("run", "snapshot", "level"), x)}, coords={"step": ("snapshot", [0, 5, 10, 15])}
    )
    named.to_netcdf(folder / "x.nc")
    roots = np.sqrt(x)
    np.savez(folder / "w.npz", W=roots[..., None] * np.eye(2))
    with cf.Recorder(folder / "rec") as recorder:
        for k in range(4):
            recorder.log(5 * k, roots[:, k, :, None] * np.eye(2))
    singles = []
    for k, run in enumerate(x):
        np.save(folder / f"{k}.npy", run)
        singles.append(folder / f"{k}.npy")
    return {
        "npz": lambda: cf.read(folder / "x.npz"),
        "nc": lambda: cf.read(folder / "x.nc"),
        "weights": lambda: cf.read(folder / "w.npz", weights="W"),
        "recording": lambda: cf.read(folder / "rec"),
        "files": lambda: cf.read(singles, snapshot=-1),
        "layers": lambda: cf.read_layers(folder / "w.npz", snapshot=3)["W"],
        "early": lambda: cf.read(folder / "x.nc", snapshot=1),
    }


def test_a7_ensembles_that_still_drift_are_warned_about(tmp_path: Path) -> None:
    for name, read in ensembles(tmp_path, drifting(30, 0.2)).items():
        with pytest.warns(UserWarning, match=r"NOT stationary: the centre of levels 0, 1 still changes between steps"):
            spectra = read()
        record = spectra.provenance["stationarity"]
        assert (record["answer"], record["z"] > 5) == ("no", name != "early"), name
        assert record["steps"] == (
            [10.0, 15.0] if name in ("nc", "recording") else [15.0, 5.0] if name == "early" else [2.0, 3.0]
        )


def test_a7_ensembles_that_do_not_are_not(tmp_path: Path) -> None:
    """False alarms at 10⁻³ each: none in 200 stationary ensembles of 10 and 30 runs, whose chance is 0.82; of so few
    nothing can be told either."""
    for read in ensembles(tmp_path, drifting(1000, 0.0)).values():
        record = read().provenance["stationarity"]
        assert record["answer"] == "yes"
        assert 0.0 < record["excluded"] <= 0.5
        assert "are excluded" in record["verdict"]
    for seed in range(100):
        for runs in (10, 30):
            np.savez(tmp_path / "y.npz", eigenvalues=drifting(runs, 0.0, seed + 1))
            assert cf.read(tmp_path / "y.npz").provenance["stationarity"]["answer"] == "the data cannot tell"


def test_a7_snapshots_that_are_copies_are_told(tmp_path: Path) -> None:
    x = drifting(30, 0.0)
    np.savez(tmp_path / "x.npz", eigenvalues=np.concatenate([x[:, :1], np.repeat(x[:, 1:2], 5, axis=1)], axis=1))
    with pytest.warns(UserWarning, match="stationary: snapshots 1, 2, 3, 4, 5 are copies of each"):
        spectra = cf.read(tmp_path / "x.npz")
    assert spectra.provenance["stationarity"]["answer"] == "the data cannot tell"


def test_a7_p_values_are_honest_and_see_what_matters() -> None:
    """At 5 %, 1000 stationary ensembles of 10 runs give at most 67 false alarms (3 σ); at twice that rate it would fail
    with probability 0.999. A drift of the centre by 5 standard errors is seen at 10⁻³ in more than eight of ten.
    """
    x = np.stack([pairs(10_000, seed).reshape(1000, 10, 2) for seed in (1, 2)])
    assert sum(change(early, late).p < 0.05 for early, late in zip(*x, strict=True)) <= 67
    runs = 30
    x = np.stack([pairs(100 * runs, seed).reshape(100, runs, 2) for seed in (3, 4)])
    error = np.sqrt(2.0) * x.mean(axis=-1).std() / np.sqrt(runs)
    assert sum(change(early, late + 5 * error).p < 1e-3 for early, late in zip(*x, strict=True)) >= 80


@pytest.mark.parametrize("why", ["few", "nan", "none"])
def test_a7_what_cannot_be_judged_is_not_run(tmp_path: Path, why: str) -> None:
    x = drifting(9 if why == "few" else 30, 1.0)
    if why == "nan":
        x[3, 2] = np.nan
    np.savez(tmp_path / "x.npz", eigenvalues=x[:, -1] if why == "none" else x)
    provenance = cf.read(tmp_path / "x.npz").provenance
    assert provenance.get("stationarity", {"answer": None})["answer"] == (None if why == "none" else "not run")
