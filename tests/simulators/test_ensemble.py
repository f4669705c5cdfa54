"""The driver: one run is the same however it is computed, and work survives an interruption."""

import errno
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import warnings
from pathlib import Path

import jax
import numpy as np
import pytest

from simulators import dyson, gaussian_rbm, mlp, teacher_student
from simulators.engine import checkpoint
from simulators.engine import ensemble as training
from simulators.teacher_student.dynamics import student_dynamics, student_numbers
from simulators.teacher_student.response import setup
from tests.time_limit import at_most

SETTING = {"runs": 300, "steps": 240, "save_every": 60, "noise": 0.3, "seed": 4}


def eigenvalues(**more) -> np.ndarray:
    return teacher_student.simulate(**{**SETTING, **more}).eigenvalues


@pytest.fixture
def often(monkeypatch) -> None:
    """Keep work at every opportunity."""
    monkeypatch.setattr(checkpoint, "SECONDS", 0.0)
    monkeypatch.setattr(training, "CALL", 25)


def test_cores_and_neighbours_change_nothing(monkeypatch) -> None:
    reference = eigenvalues()
    monkeypatch.setattr(training, "_cores", lambda: 1)
    np.testing.assert_array_equal(eigenvalues(), reference)
    np.testing.assert_array_equal(eigenvalues(runs=7), reference[:7])
    np.testing.assert_allclose(eigenvalues(save_every=48)[:, -1], reference[:, -1], rtol=1e-12)


def test_chunks_side_by_side_are_the_same_runs(monkeypatch) -> None:
    """As an accelerator would take them."""
    reference = eigenvalues()
    monkeypatch.setattr(training, "_width", lambda runs, lanes, devices: 2)
    np.testing.assert_allclose(eigenvalues(), reference, rtol=1e-12)


def test_large_matrices_come_in_smaller_chunks() -> None:
    sizes = []
    for n in (2, 10, 40, 200, 2000):
        setting = student_numbers(setup(np.eye(n), 4.0, None), 0.1, 0.0, 0.1, "float32")
        sizes.append(training._lanes(student_dynamics("identity", "averaged", 1, False, True, False, False), setting))
    assert sizes[:2] == [128, 128]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[-1] == 1


def test_an_interrupted_run_goes_on_to_the_same_bits(tmp_path, often, monkeypatch) -> None:
    """Stopped at every possible place in turn."""
    reference = eigenvalues()
    save = checkpoint.Checkpoint.save
    for stop in (1, 2, 7, 20, 31):
        folder, left = tmp_path / f"at {stop}", [stop]

        def failing(self, *arguments, _left=left, **more) -> None:
            save(self, *arguments, **more)
            _left[0] -= 1
            if _left[0] <= 0:
                raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(checkpoint.Checkpoint, "save", failing)
            with pytest.raises(KeyboardInterrupt):
                eigenvalues(checkpoint=folder)
        assert list(folder.glob("group-*.npz"))
        np.testing.assert_array_equal(eigenvalues(checkpoint=folder), reference)
        assert not folder.exists()


@pytest.mark.long
def test_a_killed_process_goes_on_to_the_same_bits(tmp_path) -> None:
    """SIGKILL in the middle of a machine's training, once it has kept something."""
    folder, out, straight = tmp_path / "unfinished", tmp_path / "out.npy", tmp_path / "straight.npy"
    code = """
import sys, warnings
import numpy as np
from simulators.engine import checkpoint
from simulators import gaussian_rbm
checkpoint.SECONDS = 0.05
run = gaussian_rbm.simulate(runs=256, steps=6000, save_every=2000, noise="pcd", dtype="float32",
                            checkpoint=sys.argv[2] if len(sys.argv) > 2 else None)
np.save(sys.argv[1], run.eigenvalues)
"""
    command = [sys.executable, "-c", code, str(out), str(folder)]
    with subprocess.Popen(command) as process:
        deadline = time.monotonic() + 120
        while not list(folder.glob("group-*.npz")) and time.monotonic() < deadline:
            time.sleep(0.05)
        time.sleep(0.3)
        assert process.poll() is None, "finished before it could be killed"
        process.send_signal(signal.SIGKILL)
    assert not out.exists()
    subprocess.run(command, check=True, timeout=300)
    assert not folder.exists()
    # in a process of its own: bits depend on the number of devices, which the tests raise
    subprocess.run([sys.executable, "-c", code, str(straight)], check=True, timeout=300)
    np.testing.assert_array_equal(np.load(out), np.load(straight))


def test_work_of_another_setting_is_refused(tmp_path, often, monkeypatch) -> None:
    def failing(*_, **__) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(checkpoint.Checkpoint, "save", failing)
    with pytest.raises(KeyboardInterrupt):
        eigenvalues(checkpoint=tmp_path / "work")
    with pytest.raises(ValueError, match=r"checkpoint: .* holds unfinished work with noise = 0\.3, not 0\.2"):
        eigenvalues(checkpoint=tmp_path / "work", noise=0.2)
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter.tex").write_text("x")
    with pytest.raises(ValueError, match=r"checkpoint: expected an empty folder or unfinished work, got .* with other"):
        eigenvalues(checkpoint=tmp_path / "thesis")
    assert [path.name for path in (tmp_path / "thesis").iterdir()] == ["chapter.tex"]
    with pytest.raises(ValueError, match=r"checkpoint: expected a folder, got the file .*chapter\.tex"):
        eigenvalues(checkpoint=tmp_path / "thesis" / "chapter.tex")


def leave_unfinished(folder: Path, monkeypatch) -> None:
    """Work of two runs, stopped after it was first kept."""
    save = checkpoint.Checkpoint.save

    def failing(*arguments, **more) -> None:
        save(*arguments, **more)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(checkpoint.Checkpoint, "save", failing)
        eigenvalues(runs=2, checkpoint=folder)


def test_damaged_work_is_refused(tmp_path, often, monkeypatch) -> None:
    for file, contents in (("setting.json", b"{"), ("setting.json", b"[]"), ("group-000000.npz", b"PK")):
        folder = tmp_path / "work"
        leave_unfinished(folder, monkeypatch)
        (folder / file).write_bytes(contents)
        with pytest.raises(ValueError, match=rf"checkpoint: .*{file} is damaged; remove its folder to start anew"):
            eigenvalues(runs=2, checkpoint=folder)
        shutil.rmtree(folder)


@pytest.mark.parametrize("name", ["setting.json", "group-000000.npz"])
@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes")
def test_c2_a_pipe_in_a_checkpoint_is_not_waited_for(tmp_path: Path, often, monkeypatch, name: str) -> None:
    leave_unfinished(tmp_path / "work", monkeypatch)
    (tmp_path / "work" / name).unlink()
    os.mkfifo(tmp_path / "work" / name)
    with at_most(60), pytest.raises(ValueError, match=f"checkpoint: expected a regular file, got .*{name}"):
        eigenvalues(runs=2, checkpoint=tmp_path / "work")


def other_numbers(path: Path, **changed) -> None:
    with np.load(path) as file:
        arrays = dict(file)
    with path.open("wb") as file:
        np.savez(file, **{name: value for name, value in {**arrays, **changed}.items() if value is not None})


def test_c5_work_that_is_a_file_but_not_ours_is_refused(tmp_path, often, monkeypatch) -> None:
    """Numbers that can be read and would be computed with: other shapes, types, steps, and too many snapshots."""
    save, folder = checkpoint.Checkpoint.save, tmp_path / "work"
    setting = {"runs": 2, "steps": 60, "save_every": 30, "checkpoint": folder}

    def failing(self, group, state, seen, t, **more) -> None:
        save(self, group, state, seen, t, **more)
        if t == 60:
            raise KeyboardInterrupt

    changes = (
        {"state0": np.zeros((1, 2, 2, 3))},
        {"state0": np.zeros((1, 2, 2, 128), np.float32)},
        {"state0": None},
        {"state0": np.array(["a"])},
        {"step": 20_000},
        {"step": -1},
        {"step": 3},
        {"step": np.zeros(2)},
        {"seen:eigenvalues": np.zeros((9, 1, 2, 128))},
        {"seen:eigenvalues": np.zeros((2, 1, 3, 128))},
        {"seen:eigenvalues": np.zeros(0)},
        {"seen:others": np.zeros((2, 1, 2, 128))},
    )
    for changed in changes:
        with monkeypatch.context() as patch:
            patch.setattr(checkpoint.Checkpoint, "save", failing)
            with pytest.raises(KeyboardInterrupt):
                eigenvalues(**setting)
        other_numbers(folder / "group-000000.npz", **changed)
        with pytest.raises(ValueError, match=r"checkpoint: .*npz is damaged; remove its folder to start anew"):
            eigenvalues(**setting)
        shutil.rmtree(folder)


def test_c5_a_full_disk_is_an_oserror_that_names_the_file(tmp_path, often, monkeypatch) -> None:
    """What was kept before stays, and the same call goes on when there is room."""
    reference, folder, calls = eigenvalues(runs=2), tmp_path / "work", []

    def full(file, **arrays) -> None:
        calls.append(1)
        if len(calls) == 3:
            file.write(b"half of it")
            raise OSError(errno.ENOSPC, "No space left on device")
        savez(file, **arrays)

    savez = np.savez
    with monkeypatch.context() as patch:
        patch.setattr(np, "savez", full)
        with pytest.raises(OSError, match=r"checkpoint: cannot write .*group-000000\.npz: No space left") as raised:
            eigenvalues(runs=2, checkpoint=folder)
    assert raised.value.errno == errno.ENOSPC
    assert sorted(path.name for path in folder.iterdir() if path.name != ".lock") == [
        "group-000000.npz",
        "setting.json",
    ]
    np.testing.assert_array_equal(eigenvalues(runs=2, checkpoint=folder), reference)


SIMULATIONS = {
    "students": lambda: teacher_student.simulate(runs=2, steps=100),
    "students of true batches": lambda: teacher_student.simulate(
        runs=2, steps=100, batches="independent", batch_size=40, activation="tanh", momentum=0.1
    ),
    "machines": lambda: gaussian_rbm.simulate(runs=2, steps=10, noise="both"),
    "machines with chains": lambda: gaussian_rbm.simulate(runs=2, steps=10, noise="pcd"),
    "gases": lambda: dyson.simulate(centres=[1.0, 0.0], widths=0.1, runs=2, steps=100),
    "matrices": lambda: dyson.simulate(centres=[0.0, 0.0], widths=0.1, form="matrix", beta=2, runs=2, steps=10),
    "perceptrons": lambda: mlp.simulate(
        widths=(4, 3, 2), activation="gelu", samples=20, batch_size=4, momentum=0.1, replacement=False, runs=2, steps=10
    ),
}


@pytest.mark.one_by_default
@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=() if name in ("students", "machines", "gases") else pytest.mark.slow)
        for name in SIMULATIONS
    ],
)
def test_c1_programs_of_simulators_hold_no_lapack(name, monkeypatch) -> None:
    """They run side by side in threads, where two LAPACK calls may wait for each other for ever."""
    seen = []
    compiled = training._compiled

    def looked_at(dynamics, lanes):
        def watched(program):
            def call(*arguments):
                seen.append(program.lower(*arguments).as_text())
                return program(*arguments)

            return call

        return tuple(watched(program) for program in compiled(dynamics, lanes))

    monkeypatch.setattr(training, "_compiled", looked_at)
    SIMULATIONS[name]()
    assert len(seen) >= 2
    for text in seen:
        assert not re.findall(r"stablehlo\.(?:custom_call|triangular_solve|cholesky)", text)


def test_two_processes_do_not_share_a_folder(tmp_path) -> None:
    code = f"""
from simulators.engine.checkpoint import open_checkpoint
with open_checkpoint({str(tmp_path / "work")!r}, {{}}):
    print("mine", flush=True)
    input()
"""
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout.readline() == "mine\n"
        with pytest.raises(ValueError, match=r"checkpoint: .*work is in use by another process"):
            eigenvalues(runs=2, checkpoint=tmp_path / "work")
        other.kill()
    with checkpoint.open_checkpoint(tmp_path / "work", {}) as store:
        store.remove()
    assert not (tmp_path / "work").exists(), "what a killed process has locked is free"


def test_all_of_a_long_seed_counts() -> None:
    for dtype in ("float32", "float64"):
        assert not np.array_equal(eigenvalues(seed=3, dtype=dtype), eigenvalues(seed=3 + 2**40, dtype=dtype))


def test_precision_is_asked_for_not_switched() -> None:
    assert eigenvalues(dtype="float32").dtype == np.float32
    assert eigenvalues().dtype == np.float64
    assert jax.numpy.ones(1).dtype == np.float32


@pytest.mark.slow
def test_files_are_read_back(tmp_path: Path) -> None:
    """By the fitting side, with the setting they were made with."""
    import coulombfit as cf

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        run = gaussian_rbm.simulate(
            learning_rate=0.02, batch_size=32, runs=5, steps=40, save_every=20, keep_weights=True
        )
    run.save(tmp_path / "rbm.nc")
    spectra = cf.read(tmp_path / "rbm.nc")
    np.testing.assert_array_equal(spectra.eigenvalues, run.eigenvalues[:, -1])
    assert (spectra.learning_rate, spectra.batch_size) == (0.02, 32)
    assert spectra.provenance["noise"] == "data"
    assert spectra.provenance["excluded"] == 0
    assert "jax" in spectra.provenance["versions"]
    dataset = run.to_dataset()
    assert dataset["eigenvalues"].dims == ("run", "snapshot", "level")
    assert dataset["weights"].shape == (5, 3, 10, 10)
    with pytest.raises(FileNotFoundError, match="does not exist"):
        run.save(tmp_path / "nowhere" / "rbm.nc")
