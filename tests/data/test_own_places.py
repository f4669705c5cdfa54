"""Runs about one place, and about places of their own."""

from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import coulombfit as cf
from coulombfit.data.own_places import find_own_places

STEPS = [100.0 * k for k in range(21)]


def _paths(runs: int, memory: float, own: float, seed: int) -> np.ndarray:
    """AR(1) levels 5 and 3 of width 0.1, memory a from snapshot to snapshot, about places that differ by ``own``."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((runs, 2))
    found = []
    for _ in STEPS:
        found.append(x)
        x = memory * x + np.sqrt(1 - memory**2) * rng.standard_normal((runs, 2))
    return np.array([5.0, 3.0]) + 0.1 * np.stack(found, axis=1) + own * rng.standard_normal((runs, 1, 2))


def test_runs_that_began_differently_keep_their_places() -> None:
    found = find_own_places(_paths(40, 0.5, 0.3, 1), STEPS)
    assert found.startswith("runs keep places of their own: ")
    assert "there since step 1000 and does not fade" in found


@pytest.mark.parametrize("memory", [0.0, 0.5, 0.9, 0.99])
def test_false_alarms_are_rare(memory: float) -> None:
    """None in 300 ensembles about one place, whatever their memory: fewer than one in a hundred."""
    assert sum(bool(find_own_places(_paths(30, memory, 0.0, seed), STEPS)) for seed in range(300)) == 0


def test_what_cannot_be_asked_is_not() -> None:
    x = _paths(40, 0.5, 0.3, 1)
    assert find_own_places(x[:9], STEPS) == ""
    assert find_own_places(x[:, :3], STEPS[:3]) == ""


@pytest.mark.slow
def test_spectra_of_the_last_snapshot_say_so_and_scaling_gives_no_verdict() -> None:
    spectra = []
    for seed, (rate, batch) in enumerate([(0.1, 8), (0.1, 32), (0.05, 8), (0.2, 16)]):
        data = cf.Trajectories(_paths(40, 0.5, 0.3, seed), STEPS, learning_rate=rate, batch_size=batch, name=f"{seed}")
        with pytest.warns(UserWarning, match="runs keep places of their own"):
            spectra.append(data.spectra(clusters="single"))
    assert spectra[0].learning_rate == 0.1
    assert spectra[0].provenance["stationarity"]["verdict"].startswith("NOT one ensemble")
    with pytest.warns(UserWarning, match="places of their own"):
        result = cf.scaling(spectra, sampler="laplace")
    assert str(result.answer) == "the data cannot tell"
    assert not result.ok


def test_spectra_of_one_place_are_judged_by_other_snapshots() -> None:
    data = cf.Trajectories(_paths(40, 0.5, 0.0, 3), STEPS, learning_rate=0.1, batch_size=8)
    found = data.spectra(levels=[1])
    assert found.levels == 1
    assert found.provenance["step"] == 2000
    assert found.provenance["stationarity"]["answer"] != "no"
    with pytest.raises(cf.DataError, match="snapshot: expected from -21 to 20, got 21"):
        data.spectra(21)


@pytest.mark.parametrize("kind", ["eigenvalues", "weights", "recording"])
def test_files_and_recordings_are_asked_as_trajectories_are(kind: str, tmp_path: Path) -> None:
    """Of the same runs, about places of their own and about one; weights by fewer snapshots."""
    for own, told in ((0.3, "NOT one ensemble: runs keep places of their own"), (0.0, "")):
        x = _paths(40, 0.5, own, 1)
        path = tmp_path / f"{kind}_{own:g}.nc"
        w = np.sqrt(x)[..., None] * np.eye(2)
        if kind == "recording":
            path = path.with_suffix("")
            with cf.Recorder(path) as recorder:
                for k, step in enumerate(STEPS):
                    recorder.log(int(step), w[:, k])
        else:
            dims, values = (("level",), x) if kind == "eigenvalues" else (("M", "N"), w)
            data = xr.Dataset({kind: (("run", "snapshot", *dims), values)}, coords={"step": ("snapshot", STEPS)})
            data.to_netcdf(path, engine="h5netcdf")
        which = {"weights": "weights" if kind == "weights" else False}
        with nullcontext() if not told else pytest.warns(UserWarning, match="runs keep places of their own"):
            found = cf.read(path, clusters="single", **which)
        assert found.provenance["stationarity"]["verdict"].startswith(told or ("Stationary", "The data cannot tell"))
