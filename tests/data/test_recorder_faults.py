"""Recording where something goes wrong: processes that end, are killed or fork, threads, two recorders, full disks."""

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

import coulombfit as cf
from tests.data.recordings import EYE


def test_two_recorders_do_not_share_a_folder(tmp_path: Path) -> None:
    with cf.Recorder(tmp_path / "run"), pytest.raises(RuntimeError, match="another recorder is writing"):
        cf.Recorder(tmp_path / "run")
    cf.Recorder(tmp_path / "run").close()


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
    "how", ["returns", *(pytest.param(how, marks=pytest.mark.slow) for how in ("closes", "logs", "deletes", "thread"))]
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
