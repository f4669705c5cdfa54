"""Trajectories: what they accept and refuse, how they begin, how levels are grouped, and files of them."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import coulombfit as cf
from tests.data.recordings import record
from tests.laws.matrices import levels_over_time

STEPS = np.arange(20.0, 1020.0, 20.0)


def levels(runs: int = 3) -> np.ndarray:
    """A pair about 4 and a level about 2."""
    pair = levels_over_time(STEPS, rate=0.02, runs=runs)
    return np.concatenate([pair, levels_over_time(STEPS, rate=0.01, runs=runs, size=1, centre=2.0, seed=1)], axis=2)


def test_levels_descend_and_settings_are_kept() -> None:
    x = levels()
    data = cf.Trajectories(x[..., ::-1], STEPS.astype(int), learning_rate=0.1, batch_size=np.int64(16), name="mine")
    np.testing.assert_array_equal(data.eigenvalues, x)
    np.testing.assert_array_equal(data.steps, STEPS)
    assert (data.runs, data.snapshots, data.levels, data.interval) == (3, 50, 3, 20.0)
    assert (data.learning_rate, data.batch_size, data.name) == (0.1, 16.0, "mine")
    assert data.clusters == ((0, 1), (2,))
    assert data.stationary
    told = data.provenance["trajectories"]["described"]
    assert "50 snapshots of each run, steps 20 to 1000, 20 apart, none left out" in told
    assert "clusters of levels 0,1; 2, guessed by the gaps between their distributions" in told
    with pytest.raises(ValueError, match="read-only"):
        data.eigenvalues[0, 0, 0] = 1.0
    alone = cf.Trajectories(x[0], STEPS)
    assert alone.runs == 1
    named = cf.Trajectories(data.to_dataset()["eigenvalues"].transpose("level", "snapshot", "run"), STEPS)
    np.testing.assert_array_equal(named.eigenvalues, x)


def test_uneven_steps_are_told() -> None:
    steps = STEPS + np.where(np.arange(50) % 2, 5.0, 0.0)
    assert "15 to 25 apart (median 25)" in cf.Trajectories(levels(), steps).provenance["trajectories"]["described"]


def test_clusters_are_the_users_to_state(unchecked: None) -> None:
    x = levels()
    for given, expected in (
        ("single", ((0,), (1,), (2,))),
        ([[2], [1, 0]], ((0, 1), (2,))),
        ([[1, 2], "single"], ((0,), (1, 2))),
    ):
        data = cf.Trajectories(x, STEPS, clusters=given)
        assert data.clusters == expected
        assert "as stated" in data.provenance["trajectories"]["described"]
        assert data.after(500).clusters == expected
    for wrong in ("pairs", [[0, 2], [1]], [[0, 1]], [[0, 1], [1, 2]], [["a"]], 3):
        with pytest.raises(cf.DataError, match="clusters: expected"):
            cf.Trajectories(x, STEPS, clusters=wrong)


def broken(where: tuple, value: float) -> np.ndarray:
    x = levels()
    x[where] = value
    return x


@pytest.mark.parametrize(
    ("x", "steps", "message"),
    [
        (levels()[0, :, 0], STEPS, r"eigenvalues: expected shape \(run, snapshot, level\), got \(50,\)"),
        (levels()[:, :5], STEPS[:5], "eigenvalues: expected at least 8 snapshots of a run, got 5"),
        (broken((1, 2, 0), np.nan), STEPS, r"eigenvalues: expected finite numbers.*first at \(1, 2, 0\)"),
        (broken((1, 2, 0), -0.1), STEPS, "eigenvalues: squared singular values cannot be negative, got -0.1"),
        (levels(), STEPS[1:], r"steps: expected shape \(50,\), one per snapshot, got \(49,\)"),
        (levels(), STEPS[::-1], "steps: expected ascending steps, got 1000 and then 980"),
        (levels(), [np.nan, *STEPS[1:]], "steps: expected finite numbers"),
        (levels()[[0, 1, 0]], STEPS, "eigenvalues: runs 0 and 2 are equal"),
        (np.repeat(levels()[:, ::2], 2, axis=1), STEPS, "got level 0 of run 0 equal at steps 20 and 40: copies"),
        (broken((..., 2), 2.0), STEPS, "expected levels that move from one snapshot to the next, got level 2"),
    ],
)
def test_bad_trajectories_are_refused(x, steps, message) -> None:
    with pytest.raises(cf.DataError, match=message):
        cf.Trajectories(x, steps)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"learning_rate": 0.0}, "learning_rate: expected one positive number"),
        ({"batch_size": [1, 2]}, "batch_size: expected one positive number"),
        ({"name": 3}, "name: expected text"),
        ({"provenance": {"a": {1}}}, "provenance: expected JSON values"),
        ({"stationary": "yes"}, "stationary: expected True, False or None"),
    ],
)
def test_bad_settings_are_refused(given, message, unchecked) -> None:
    with pytest.raises(cf.DataError, match=message):
        cf.Trajectories(levels(), STEPS, **given)


def test_of_a_simulation_what_is_not_yet_apart_is_left_out() -> None:
    x, steps = levels(), STEPS - 20.0
    parameters = {"learning_rate": 0.05, "batch_size": 256, "simulator": "mine"}
    run = SimpleNamespace(eigenvalues=x, steps=steps, parameters=parameters)
    data = cf.Trajectories.of(run)
    assert (data.learning_rate, data.batch_size, data.name, data.stationary) == (0.05, 256.0, "mine", False)
    tied = x.copy()
    tied[:, 0] = [4.0, 4.0, 2.0]
    data = cf.Trajectories.of(SimpleNamespace(eigenvalues=tied, steps=steps, parameters={}), clusters="single")
    assert data.snapshots == 49
    assert not data.stationary
    assert data.provenance["left_out"] == [0.0]
    assert data.clusters == ((0,), (1,), (2,))
    assert data.after(500).stationary
    assert cf.Trajectories.of(data) is data
    with pytest.raises(cf.DataError, match="data: expected a trajectory, a recording or a simulation, got ndarray"):
        cf.Trajectories.of(x)


def test_equal_data_have_equal_fingerprints_and_only_they() -> None:
    one = cf.Trajectories(levels(), STEPS, name="one")
    assert one.fingerprint == cf.Trajectories(levels(), STEPS, name="two").fingerprint
    others = [
        cf.Trajectories(levels(), STEPS, clusters="single"),
        cf.Trajectories(levels(), STEPS, stationary=False),
        cf.Trajectories(levels(), STEPS + 1.0),
        one.after(40.0),
    ]
    assert len({each.fingerprint for each in (one, *others)}) == 5


def test_what_is_saved_is_read_back(tmp_path: Path) -> None:
    data = cf.Trajectories(levels(), STEPS, 0.1, 16, [[0, 1], [2]], "mine", {"a": 1}, stationary=False)
    data.save(tmp_path / "x.nc")
    again = cf.read_trajectories(tmp_path / "x.nc")
    assert again.fingerprint == data.fingerprint
    assert (again.learning_rate, again.batch_size, again.name) == (0.1, 16.0, "mine")
    assert again.provenance == data.provenance | {"file": "x.nc"}
    late = cf.read_trajectories(tmp_path / "x.nc", burn_in=500, learning_rate=0.2, clusters="single", name="late")
    assert (late.snapshots, late.stationary, late.learning_rate, late.name) == (26, True, 0.2, "late")
    assert late.clusters == ((0,), (1,), (2,))
    with pytest.raises(cf.DataError, match=r"burn_in: .* ends before step 5000"):
        cf.read_trajectories(tmp_path / "x.nc", burn_in=5000)
    with pytest.raises(cf.DataError, match="layer: only a recording has layers"):
        cf.read_trajectories(tmp_path / "x.nc", layer="a")
    cf.Spectra(levels()[:, -1]).save(tmp_path / "spectra.nc")
    with pytest.raises(
        cf.DataError, match=r"expected eigenvalues over \(run, snapshot, level\) and step along snapshot"
    ):
        cf.read_trajectories(tmp_path / "spectra.nc")
    np.save(tmp_path / "x.npy", levels())
    with pytest.raises(cf.DataError, match=r"path: expected a recording, or a .nc file"):
        cf.read_trajectories(tmp_path / "x.npy")
    with pytest.raises(FileNotFoundError):
        cf.read_trajectories(tmp_path / "none.nc")


@pytest.mark.parametrize("runs", [(), (3,)])
def test_recordings_are_trajectories(tmp_path: Path, runs: tuple[int, ...]) -> None:
    x = record(tmp_path / "run", range(0, 400, 10), runs=runs, learning_rate=0.1, batch_size=16, name="run 1")
    x = x.reshape(40, -1, 2).swapaxes(0, 1)
    for data in (cf.Trajectories.of(cf.recording(tmp_path / "run")), cf.read_trajectories(tmp_path / "run")):
        np.testing.assert_allclose(data.eigenvalues, x, rtol=1e-12)
        np.testing.assert_array_equal(data.steps, np.arange(0, 400, 10))
        assert (data.learning_rate, data.batch_size, data.name) == (0.1, 16.0, "run 1")
        assert not data.stationary
    assert data.provenance["recording"] == "run"
    assert cf.read_trajectories(tmp_path / "run", burn_in=100).stationary


def test_a_recording_of_changing_settings_or_of_a_divergence_is_refused(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    with cf.Recorder(tmp_path / "run", learning_rate=0.1) as recorder:
        for step in range(20):
            weights = 2.0 * np.eye(2) + 0.01 * rng.standard_normal((2, 2))
            recorder.log(step, weights * (np.nan if step == 19 else 1.0), learning_rate=0.1 if step < 10 else 0.01)
    with pytest.raises(cf.DataError, match="weights were not finite at 1 snapshot"):
        cf.read_trajectories(tmp_path / "run")
    data = cf.recording(tmp_path / "run").isel(snapshot=slice(0, 19))
    with pytest.raises(cf.DataError, match=r"learning_rate: expected one setting, got 0.1 to 0.01"):
        cf.Trajectories.of(data)
    assert cf.Trajectories.of(data.isel(snapshot=slice(10, 19))).learning_rate == 0.01
