"""Recording while training: what is on disk at any time, going on with it, and spectra from it."""

import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest
import xarray as xr

import coulombfit as cf

EYE = 2.0 * np.eye(2)


def near(rng: np.random.Generator, *runs: int) -> np.ndarray:
    return EYE + 0.01 * rng.standard_normal((*runs, 2, 2))


def record(path: Path, steps, *, seed: int = 0, runs: tuple[int, ...] = (), **options) -> np.ndarray:
    """Record independent weights; their levels."""
    rng = np.random.default_rng(seed)
    weights = [near(rng, *runs) for _ in steps]
    with cf.Recorder(path, **options) as recorder:
        for step, w in zip(steps, weights, strict=True):
            recorder.log(step, w)
    return np.linalg.svd(np.array(weights), compute_uv=False) ** 2


def test_what_is_logged_is_read_back(tmp_path: Path) -> None:
    x = record(tmp_path / "run", range(0, 30, 3), learning_rate=0.1, batch_size=16, targets=[4, 4], name="mine")
    data = cf.recording(tmp_path / "run")
    np.testing.assert_array_equal(data["eigenvalues"], x)
    np.testing.assert_array_equal(data["step"], range(0, 30, 3))
    assert data["eigenvalues"].dims == ("snapshot", "level")
    assert set(data["learning_rate"].to_numpy()) == {0.1}
    assert (data.attrs["name"], data.attrs["layer"], data.attrs["targets"]) == ("mine", "weights", [4.0, 4.0])
    data.to_netcdf(tmp_path / "all.nc", engine="h5netcdf")
    # whole files only, in one piece
    assert {path.suffix for path in (tmp_path / "run").iterdir()} <= {".json", ".nc", ".lock"}
    assert len(list((tmp_path / "run").glob("*.nc"))) == 1


def test_weights_are_taken_as_they_are_at_the_call(tmp_path: Path) -> None:
    w = EYE.copy()
    with cf.Recorder(tmp_path / "run") as recorder:
        for step in range(3):
            recorder.log(step, w)
            w *= 2.0
    np.testing.assert_allclose(cf.recording(tmp_path / "run")["eigenvalues"][:, 0], [4.0, 16.0, 64.0])


def test_arrays_of_jax_in_any_precision(tmp_path: Path) -> None:
    with cf.Recorder(tmp_path / "run") as recorder:
        recorder.log(
            jnp.int32(1), jnp.asarray(EYE, jnp.float32), learning_rate=jnp.float32(0.5), batch_size=np.int64(8)
        )
        recorder.log(np.int64(2), jnp.asarray(EYE, jnp.bfloat16))
        recorder.log(3, EYE.astype(int).tolist())
    data = cf.recording(tmp_path / "run")
    np.testing.assert_allclose(data["eigenvalues"], 4.0)
    # what was given holds until it is given again
    assert set(data["learning_rate"].to_numpy()) == {0.5}
    assert set(data["batch_size"].to_numpy()) == {8.0}


class Tensor:
    """As much of a tensor of PyTorch as is used: no array before it is detached and on the CPU."""

    dtype = "torch.bfloat16"

    def __init__(self, values: np.ndarray, done: tuple[str, ...] = ()) -> None:
        self.values, self.done = values, done

    def detach(self) -> "Tensor":
        return Tensor(self.values, (*self.done, "detach"))

    def cpu(self) -> "Tensor":
        return Tensor(self.values, (*self.done, "cpu"))

    def double(self) -> "Tensor":
        return Tensor(self.values, (*self.done, "double"))

    def __array__(self, dtype=None, copy=None) -> np.ndarray:
        assert self.done == ("detach", "cpu", "double")
        return self.values


def test_tensors_are_detached_without_importing_pytorch(tmp_path: Path) -> None:
    with cf.Recorder(tmp_path / "run") as recorder:
        recorder.log(0, Tensor(EYE))
    np.testing.assert_allclose(cf.recording(tmp_path / "run")["eigenvalues"], 4.0)


def test_pytorch(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    layer = torch.nn.Linear(3, 2)
    with cf.Recorder(tmp_path / "run") as recorder:
        recorder.log(0, layer.weight)
        recorder.log(1, layer.weight.to(torch.bfloat16))
        with pytest.raises(ValueError, match=r"got \(2,\) of float32"):
            recorder.log(2, layer.bias)
    exact = np.linalg.svd(layer.weight.detach().double().numpy(), compute_uv=False) ** 2
    found = cf.recording(tmp_path / "run")["eigenvalues"].to_numpy()
    np.testing.assert_allclose(found[0], exact, rtol=1e-12)
    np.testing.assert_allclose(found[1], exact, rtol=0.02)


def test_layers_and_runs(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    path = tmp_path / "run"
    with cf.Recorder(path, learning_rate=0.1, targets={"b/kernel": [4, 4]}) as recorder:
        for step in range(5):
            recorder.log(step, {"a/kernel": (a := rng.normal(size=(7, 4, 3))), "b/kernel": near(rng, 7)})
    assert cf.recording(path, "a/*")["eigenvalues"].dims == ("snapshot", "run", "level")
    layers = cf.read_layers(path)
    assert {name: one.eigenvalues.shape for name, one in layers.items()} == {"a/kernel": (7, 3), "b/kernel": (7, 2)}
    np.testing.assert_array_equal(layers["a/kernel"].eigenvalues, np.linalg.svd(a, compute_uv=False) ** 2)
    np.testing.assert_array_equal(layers["b/kernel"].targets, [4.0, 4.0])
    assert layers["a/kernel"].name == "run, a/kernel"
    first = cf.read(path, weights="b/*", snapshot=0)
    kept = {name: value for name, value in first.provenance.items() if name != "stationarity"}
    assert kept == {"recording": "run", "layer": "b/kernel", "snapshot": 0, "step": 0, "runs": 7}
    assert (first.learning_rate, first.batch_size) == (0.1, None)
    for options in ({}, {"weights": "*"}, {"eigenvalues": "c"}):
        with pytest.raises(cf.DataError, match="the recording has a/kernel, b/kernel"):
            cf.read(path, **options)
    with pytest.raises(cf.DataError, match="snapshot: expected -5 to 4"):
        cf.read(path, weights="a/*", snapshot=5)


def test_one_run_becomes_snapshots_that_are_independent(tmp_path: Path) -> None:
    x = record(tmp_path / "run", range(0, 4000, 10), learning_rate=0.1, batch_size=16, name="run 1")
    spectra = cf.read(tmp_path / "run", burn_in=995, factor=0.1)
    expected = cf.Spectra.from_trajectory(x[100:], np.arange(1000, 4000, 10))
    assert spectra.fingerprint == expected.fingerprint
    assert (spectra.learning_rate, spectra.batch_size, spectra.name) == (0.1, 16.0, "run 1")
    kept = spectra.provenance
    assert kept["trajectory"] == expected.provenance["trajectory"]
    assert (kept["burn_in"], kept["first_step"], kept["last_step"], kept["factor"]) == (995, 1000, 3990, 0.1)
    given = cf.read(tmp_path / "run", learning_rate=0.2, name="mine", targets=[4, 4])
    assert (given.learning_rate, given.name, given.provenance["burn_in"]) == (0.2, "mine", 0)
    with pytest.raises(cf.DataError, match=r"burn_in: .* ends before step 4000"):
        cf.read(tmp_path / "run", burn_in=4000)
    with pytest.raises(cf.DataError, match=r"snapshot: .*its snapshots are the observations"):
        cf.read(tmp_path / "run", snapshot=-1)
    with pytest.raises(cf.DataError, match="learning_rate: a recording knows its own"):
        cf.read(tmp_path / "run", learning_rate="lr")


def test_few_runs_and_their_snapshots(tmp_path: Path) -> None:
    x = record(tmp_path / "run", range(200), runs=(3,))
    assert cf.read(tmp_path / "run").fingerprint == cf.Spectra(x[-1]).fingerprint
    pooled = cf.read(tmp_path / "run", burn_in=50)
    assert pooled.fingerprint == cf.Spectra.from_trajectory(x[50:].swapaxes(0, 1)).fingerprint


def test_recordings_of_one_run_each_are_an_ensemble(tmp_path: Path) -> None:
    paths = [tmp_path / f"run{k}" for k in range(5)]
    x = np.array([record(path, range(4), seed=k, learning_rate=0.1) for k, path in enumerate(paths)])
    spectra = cf.read(paths)
    assert spectra.fingerprint == cf.Spectra(x[:, -1]).fingerprint
    assert (spectra.learning_rate, spectra.runs) == (0.1, 5)
    assert spectra.provenance["files"] == [f"run{k}" for k in range(5)]
    assert cf.read(paths, snapshot=0).fingerprint == cf.Spectra(x[:, 0]).fingerprint
    record(tmp_path / "other", range(4), seed=9, learning_rate=0.2)
    with pytest.raises(cf.DataError, match=r"learning_rate: .*run0 has 0.1, .*other has 0.2"):
        cf.read([*paths, tmp_path / "other"])
    with pytest.raises(ValueError, match="burn_in: it is of a single recording"):
        cf.read(paths, burn_in=3)


def test_settings_that_change(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    with cf.Recorder(tmp_path / "run", batch_size=8) as recorder:
        for step in range(300):
            # warming up from zero, then one drop
            recorder.log(step, near(rng), learning_rate=0.01 * min(step, 10) if step < 100 else 0.05)
    with pytest.raises(cf.DataError, match=r"changes it from 0.1 to 0.05 at step 100; .*: burn_in=100"):
        cf.read(tmp_path / "run")
    assert cf.read(tmp_path / "run", burn_in=100).learning_rate == 0.05
    assert cf.read(tmp_path / "run", learning_rate=0.07).learning_rate == 0.07


def test_gaps_in_the_steps(tmp_path: Path) -> None:
    record(tmp_path / "run", [*range(0, 100, 5), *range(200, 1000, 10)])
    with pytest.raises(cf.DataError, match=r"snapshots 105 and then 10 steps apart; .*: burn_in=200"):
        cf.read(tmp_path / "run")
    assert cf.read(tmp_path / "run", burn_in=200).provenance["first_step"] == 200


def test_training_that_diverges_goes_on_and_is_told(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    with cf.Recorder(tmp_path / "many") as many, cf.Recorder(tmp_path / "one") as one:
        for step in range(100):
            runs = near(rng, 4)
            runs[1, 0, 0] = np.nan if step == 99 else 1e200 if step == 98 else 2.0
            many.log(step, runs)
            one.log(step, np.full((2, 2), np.inf) if step >= 90 else near(rng))
    x = cf.recording(tmp_path / "many")["eigenvalues"].to_numpy()
    assert np.isnan(x[99, 1]).all()
    assert np.isfinite(x[:, [0, 2, 3]]).all()
    with pytest.raises(cf.DataError, match="not finite at step 99 in 1 of 4 runs: training has diverged"):
        cf.read(tmp_path / "many")
    with pytest.raises(cf.DataError, match=r"not finite at 10 snapshot\(s\) from step 90 on"):
        cf.read(tmp_path / "one")


def test_only_every_so_many_steps(tmp_path: Path) -> None:
    with cf.Recorder(tmp_path / "run", every=10) as recorder:
        for step in range(35):
            # what is not recorded is not even looked at
            recorder.log(step, EYE if step % 10 == 0 else None)
    assert cf.recording(tmp_path / "run")["step"].to_numpy().tolist() == [0, 10, 20, 30]


def test_going_on_from_a_checkpoint_supersedes_what_lies_beyond(tmp_path: Path) -> None:
    path = tmp_path / "run"
    first = record(path, range(0, 100, 10))
    second = record(path, range(60, 120, 10), seed=1)
    data = cf.recording(path)
    assert data["step"].to_numpy().tolist() == list(range(0, 120, 10))
    np.testing.assert_array_equal(data["eigenvalues"], np.concatenate([first[:6], second]))
    third = record(path, range(20, 40, 10), seed=2)
    np.testing.assert_array_equal(cf.recording(path)["eigenvalues"], np.concatenate([first[:2], third]))
    record(path, [0], seed=3)
    assert cf.recording(path)["step"].to_numpy().tolist() == [0]


def test_what_does_not_fit_a_recording_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "run"
    record(path, range(3), targets=[4, 4], name="mine")
    before = cf.recording(path)
    for weights in (np.eye(3), near(np.random.default_rng(0), 3), {"other": EYE}):
        with (
            cf.Recorder(path) as recorder,
            pytest.raises(cf.DataError, match=r"has layers .*'weights': \[2, 2\].* got"),
        ):
            recorder.log(3, weights)
    with cf.Recorder(path, targets=[4, 5]) as recorder, pytest.raises(cf.DataError, match=r"targets: .* has"):
        recorder.log(3, EYE)
    with pytest.raises(cf.DataError, match="is called 'mine', got 'yours'"):
        cf.Recorder(path, name="yours")
    xr.testing.assert_identical(cf.recording(path), before)
    (tmp_path / "papers").mkdir()
    (tmp_path / "papers" / "x.txt").write_text("mine")
    with pytest.raises(cf.DataError, match="is no recording"):
        cf.Recorder(tmp_path / "papers")
    with pytest.raises(FileExistsError):
        cf.Recorder(tmp_path / "papers" / "x.txt")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"learning_rate": -1}, "learning_rate: expected a finite number from 0, got -1"),
        ({"batch_size": np.nan}, "batch_size: expected"),
        ({"every": 0}, "every: expected a whole number from 1, got 0"),
        ({"seconds": -1.0}, "seconds: expected"),
    ],
)
def test_wrong_settings(tmp_path: Path, options, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        cf.Recorder(tmp_path / "run", **options)
    assert not (tmp_path / "run").exists()


def test_wrong_calls_harm_nothing(tmp_path: Path) -> None:
    with cf.Recorder(tmp_path / "run", targets=[4, 4]) as recorder:
        recorder.log(5, EYE)
        for step in (5, 4):
            with pytest.raises(ValueError, match=f"step: expected more than 5, the last one, got {step}"):
                recorder.log(step, EYE)
        for step, weights, message in [
            (6.5, EYE, "step: expected a whole number, got 6.5"),
            (6, np.eye(3), r"has layers .* got \{'weights': \[3, 3\]\}"),
            (6, np.ones(2), r"expected real numbers \(M, N\) or \(run, M, N\) for 'weights', got \(2,\) of float64"),
            (6, EYE.astype(complex), "of complex128"),
            (6, {"a": EYE, "b": EYE[None]}, "layers of the same runs, got 2 different"),
            (6, {}, "layers of the same runs, got 0"),
        ]:
            with pytest.raises(ValueError, match=message):
                recorder.log(step, weights)
        recorder.log(6, EYE)
    with pytest.raises(ValueError, match="recorder: it is closed"):
        recorder.log(7, EYE)
    recorder.close()
    assert cf.recording(tmp_path / "run")["step"].to_numpy().tolist() == [5, 6]
    for targets in ([4.0], {"other": [4.0, 4.0]}, [4.0, np.inf]):
        recorder = cf.Recorder(tmp_path / "new", targets=targets)
        with recorder, pytest.raises(ValueError, match="targets: expected"):
            recorder.log(0, EYE)


def test_two_recorders_do_not_share_a_folder(tmp_path: Path) -> None:
    with cf.Recorder(tmp_path / "run"), pytest.raises(RuntimeError, match="another recorder is writing"):
        cf.Recorder(tmp_path / "run")
    cf.Recorder(tmp_path / "run").close()


def test_folders_that_are_no_recordings(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no such folder"):
        cf.recording(tmp_path / "run")
    with pytest.raises(cf.DataError, match=r"no recording, it has no recording.json"):
        cf.recording(tmp_path)
    with pytest.raises(cf.DataError, match="a folder that is no recording"):
        cf.read(tmp_path)
    record(tmp_path / "run", range(3))
    segment = next((tmp_path / "run").glob("*.nc"))
    whole = segment.read_bytes()
    segment.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(cf.DataError, match=f"path: cannot read .*{segment.name}"):
        cf.recording(tmp_path / "run")
    segment.unlink()
    with pytest.raises(cf.DataError, match="has no snapshot yet"):
        cf.read(tmp_path / "run")
    header = tmp_path / "run" / "recording.json"
    for text in ("{", "[]", json.dumps({**json.loads(header.read_text()), "version": 2})):
        header.write_text(text)
        with pytest.raises(cf.DataError, match=r"recording\.json"):
            cf.read(tmp_path / "run")


def test_a_disk_that_is_full_for_a_while_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from coulombfit.data.recording import recorder as module

    def full(*_: object) -> None:
        raise OSError("no space left")

    whole = module.write_netcdf
    with cf.Recorder(tmp_path / "run", seconds=0.0) as recorder:
        recorder.log(0, EYE)
        monkeypatch.setattr(module, "write_netcdf", full)
        with pytest.warns(RuntimeWarning, match="no space left; kept in memory"):
            recorder.log(1, EYE)
        monkeypatch.setattr(module, "write_netcdf", whole)
        recorder.log(2, EYE)
    assert cf.recording(tmp_path / "run")["step"].to_numpy().tolist() == [0, 1, 2]
    monkeypatch.setattr(module, "write_netcdf", full)
    recorder = cf.Recorder(tmp_path / "other")
    with pytest.raises(OSError, match="no space left"):
        recorder.log(0, EYE)
    monkeypatch.setattr(module, "write_netcdf", whole)
    recorder.close()


def test_a_long_recording_is_many_files_of_bounded_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("coulombfit.data.recording.recorder.SEGMENT", 1600)
    x = record(tmp_path / "run", range(1000), seconds=3600.0)
    assert len(list((tmp_path / "run").glob("*.nc"))) == 10
    np.testing.assert_array_equal(cf.recording(tmp_path / "run")["eigenvalues"], x)


LOOP = """
import sys
import threading
import numpy as np
import coulombfit as cf
recorder = cf.Recorder("run", seconds={seconds})
for step in range({steps}):
    recorder.log(step, (2.0 + 1e-6 * step) * np.eye(2))
    if step % 100 == 0:
        print(step, flush=True)
assert not {{"jax", "arviz_stats", "torch"}} & set(sys.modules)
"""


def start(folder: Path, **numbers: float) -> subprocess.Popen:
    code = LOOP.format(**numbers)
    return subprocess.Popen([sys.executable, "-W", "error", "-c", code], cwd=folder, stdout=subprocess.PIPE, text=True)


def test_a_process_that_ends_without_closing_has_written_all(tmp_path: Path) -> None:
    """It takes no JAX to record, either."""
    process = start(tmp_path, seconds=3600, steps=500)
    process.communicate(timeout=60)
    assert process.returncode == 0
    assert cf.recording(tmp_path / "run").sizes["snapshot"] == 500


@pytest.mark.slow
def test_a_killed_process_loses_its_last_interval_and_whoever_reads_sees_whole_files(tmp_path: Path) -> None:
    interval, length = 0.2, 0
    process = start(tmp_path, seconds=interval, steps=10**9)
    try:
        assert process.stdout is not None
        process.stdout.readline()
        end = time.monotonic() + 3.0
        while time.monotonic() < end:
            data = cf.recording(tmp_path / "run")
            steps = data["step"].to_numpy()
            np.testing.assert_array_equal(steps, np.arange(len(steps)))
            np.testing.assert_allclose(data["eigenvalues"][:, 0], (2.0 + 1e-6 * steps) ** 2, rtol=1e-12)
            assert len(steps) >= length
            length = len(steps)
        with pytest.raises(RuntimeError, match="another recorder is writing"):
            cf.Recorder(tmp_path / "run")
    finally:
        process.kill()
    told = process.communicate(timeout=60)[0].split()
    data = cf.recording(tmp_path / "run")
    steps = data["step"].to_numpy()
    np.testing.assert_array_equal(steps, np.arange(len(steps)))
    assert length > 1000
    # of what was logged in 3 s, 0.2 s and the time of a write may be missing
    assert len(steps) > 0.7 * int(told[-1])
    (tmp_path / "run" / ".0000-000000.nc.0.part").write_bytes(b"half")
    with cf.Recorder(tmp_path / "run") as recorder:
        recorder.log(len(steps), EYE)
    assert not list((tmp_path / "run").glob(".*.part"))
    assert cf.recording(tmp_path / "run").sizes["snapshot"] == len(steps) + 1


@pytest.mark.slow
def test_the_command_line_takes_a_recording(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from typer.testing import CliRunner

    from coulombfit.cli.app import app

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("warnings.showwarning", __import__("warnings").showwarning)
    record(tmp_path / "run", range(600), learning_rate=0.1, batch_size=16)
    arguments = ["fit", "run", "--burn-in", "100", "--model", "one-species", "--sampler", "laplace", "--json"]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    fit = cf.Fit.load(tmp_path / "run.burn-in100.one-species.nc")
    assert fit.record["data"]["provenance"]["burn_in"] == 100
    assert CliRunner().invoke(app, [*arguments[:2], "--burn-in", "600"]).exit_code == 4
    np.save("x.npy", np.ones((3, 2)))
    assert CliRunner().invoke(app, ["fit", "x.npy", "--burn-in", "1"]).exit_code == 2


@pytest.mark.parametrize("shape", [(80, 100), (100, 80), (3, 64, 90)])
def test_levels_of_large_matrices(tmp_path: Path, shape: tuple[int, ...]) -> None:
    w = np.random.default_rng(0).normal(size=shape)
    w[..., :50] = 0.0 if shape == (80, 100) else w[..., :50]
    with cf.Recorder(tmp_path / "run") as recorder:
        recorder.log(0, w)
    x = cf.recording(tmp_path / "run")["eigenvalues"].to_numpy()[0]
    exact = np.linalg.svd(w, compute_uv=False) ** 2
    np.testing.assert_allclose(x, exact, rtol=0.0, atol=1e-14 * exact.max())
    assert x.min() >= 0.0


FORK = """
import atexit, os, sys, threading
import numpy as np
import coulombfit as cf

def child(recorder, how):
    if how == "returns":  # out of the block, and through what runs at exit
        return
    if how == "closes":
        recorder.close()
    if how == "logs":
        for call in (lambda: recorder.log(10**6, 2.0 * np.eye(2)), recorder.flush):
            try:
                call()
            except RuntimeError as error:
                assert "was forked" in str(error), error
            else:
                raise SystemExit("nothing was said")
    if how == "deletes":
        lock = recorder._lock
        del recorder, lock

how = sys.argv[1]
pid = None
recorder = cf.Recorder("run", seconds=0.0)
with recorder:
    for step in range(50):
        recorder.log(step, (2.0 + step) * np.eye(2))
        if step == 4:
            recorder._due = float("inf")  # from here on all that is logged is in memory only
    if how == "thread":
        def fork():
            global pid
            pid = os.fork()
            if pid == 0:
                atexit._run_exitfuncs()
                os._exit(0)
        thread = threading.Thread(target=fork)
        thread.start()
        thread.join()
    else:
        pid = os.fork()
    if pid == 0:
        child(recorder, how)
    else:
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
        try:
            cf.Recorder("run")
        except RuntimeError:
            pass
        else:
            raise SystemExit("the lock is gone")
        on_disk = cf.recording("run").sizes["snapshot"]
        assert on_disk == 5, on_disk
        recorder.log(50, 2.0 * np.eye(2))
if pid:
    assert cf.recording("run").sizes["snapshot"] == 51
    cf.Recorder("run").close()
    print("whole")
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
@pytest.mark.parametrize(
    "how", ["returns", *(pytest.param(how, marks=pytest.mark.slow) for how in ("closes", "logs", "deletes")), "thread"]
)
def test_b3_nothing_happens_in_a_forked_process(tmp_path: Path, how: str) -> None:
    # Python 3.12 and later warn of any fork beside a thread
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", FORK, how]
    done = subprocess.run(command, check=False, cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "whole\n", "")


FULL = """
import resource, signal, warnings
import numpy as np
import coulombfit as cf

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
limit = resource.getrlimit(resource.RLIMIT_FSIZE)
rng = np.random.default_rng(0)
recorder = cf.Recorder("run", seconds=0.0)
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    for step in range(60):
        if step == 10:
            resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, limit[1]))
        recorder.log(step, 2.0 * np.eye(4) + rng.normal(size=(20, 4, 4)))
    assert 10 <= len(caught) <= 50, len(caught)
    said = str(caught[-1].message)
    assert "File too large" in said and "; kept in memory and tried again" in said, said
    kept = cf.recording("run").sizes["snapshot"]
    assert 10 <= kept < 60, kept
    resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    recorder.close()
assert cf.recording("run").sizes["snapshot"] == 60
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    with cf.Recorder("other", seconds=1000.0) as recorder:
        for step in range(60):
            recorder.log(step, 2.0 * np.eye(4) + rng.normal(size=(20, 4, 4)))
        resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, limit[1]))
    assert "File too large" in str(caught[-1].message)
    assert str(caught[-1].message).endswith("; the last 59 snapshot(s) are LOST")
assert cf.recording("other").sizes["snapshot"] == 1
try:
    with cf.Recorder("third", seconds=0.0) as recorder:
        recorder.log(0, rng.normal(size=(200, 40, 40)))
except OSError as error:
    assert "File too large" in str(error)  # where nothing has been recorded, it is no use to go on
else:
    raise AssertionError
resource.setrlimit(resource.RLIMIT_FSIZE, limit)
print("trained to the end")
"""


def test_b4_a_full_disk_is_warned_about_and_training_goes_on(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FULL], check=False, cwd=tmp_path, capture_output=True, text=True, timeout=60
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "trained to the end\n", "")


@pytest.mark.parametrize("step", [2**63, -(2**63) - 1, 2**100, True, 6.5])
def test_c10_steps_that_no_file_can_hold_are_refused_at_the_door(tmp_path: Path, step) -> None:
    with cf.Recorder(tmp_path / "run") as recorder:
        recorder.log(2**63 - 2, EYE)
        with pytest.raises(ValueError, match="step: expected"):
            recorder.log(step, EYE)
        recorder.log(2**63 - 1, EYE)
    assert cf.recording(tmp_path / "run")["step"].to_numpy().tolist() == [2**63 - 2, 2**63 - 1]


@pytest.mark.parametrize("kind", ["bfloat16", "float8_e4m3fn", "float8_e5m2"])
def test_c10_numbers_that_numpy_does_not_know(tmp_path: Path, kind: str) -> None:
    import ml_dtypes

    w = near(np.random.default_rng(0), 5).astype(getattr(ml_dtypes, kind))
    w[:, 1, 1] = np.arange(1, 6)
    exact = np.linalg.svd(w.astype(np.float64), compute_uv=False) ** 2
    with cf.Recorder(tmp_path / "run") as recorder:
        recorder.log(0, w)
    np.testing.assert_allclose(cf.recording(tmp_path / "run")["eigenvalues"][0], exact, rtol=1e-12)
    np.testing.assert_allclose(cf.Spectra.from_weights(w).eigenvalues, exact, rtol=1e-12)
    rounded = exact.astype(getattr(ml_dtypes, kind))
    np.testing.assert_array_equal(cf.Spectra(rounded).eigenvalues, rounded.astype(np.float64))
    np.testing.assert_allclose(cf.Spectra.from_weights(Tensors(w.astype(float))).eigenvalues, exact, rtol=1e-12)


class Tensors(Tensor):
    """Of PyTorch, which asks for gradients: no array before it is detached."""


@pytest.mark.parametrize("weights", [object(), [[1.0], [1.0, 2.0]], "ab", np.ones((2, 2), bool), np.array([[None]])])
def test_weights_that_are_no_numbers_are_refused_by_name(tmp_path: Path, weights) -> None:
    with cf.Recorder(tmp_path / "run") as recorder, pytest.raises(ValueError, match="weights: expected"):
        recorder.log(0, weights)


def test_c10_half_precision_is_fitted(tmp_path: Path) -> None:
    import ml_dtypes

    x = np.random.default_rng(0).normal(4.0, 0.3, size=60).astype(ml_dtypes.bfloat16)
    with pytest.warns(UserWarning, match="may happen by chance with levels rounded to .*bfloat16"):
        fit = cf.fit(x, "gaussian", likelihood="density", sampler="laplace", seed=0)
    assert fit.record["data"]["runs"] == 60


def test_files_beside_segments_are_left_alone(tmp_path: Path) -> None:
    x = record(tmp_path / "run", range(3))
    (tmp_path / "run" / "0000x-1.nc").write_text("mine")
    np.testing.assert_array_equal(cf.recording(tmp_path / "run")["eigenvalues"], x)


def test_threads_share_a_recorder(tmp_path: Path) -> None:
    with cf.Recorder(tmp_path / "run", seconds=0.0) as recorder:
        threads = [threading.Thread(target=recorder.flush) for _ in range(8)]
        for step in range(40):
            recorder.log(step, EYE)
            if step % 5 == 0:
                threads[step // 5].start()
        for thread in threads:
            thread.join()
    assert cf.recording(tmp_path / "run").sizes["snapshot"] == 40
