"""How commands start and end as processes by signals."""

import signal
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import numpy as np
import pytest

import coulombfit as cf
from simulators import ensembles
from tests.cli.processes import COMMAND, ROOT, begun, finished

pytestmark = pytest.mark.usefixtures("in_an_empty_folder")

resource = pytest.importorskip("resource")

ENDING = "from coulombfit.cli.signals import Ending, keeping; ending = Ending(); ending.watch()\n"
LONG_CALL = "import hashlib; print('ready', flush=True); hashlib.pbkdf2_hmac('sha256', b'a', b'b', 10**9)\n"
"""One step of Python that takes minutes and lets other threads run, as a call of XLA does."""
SOON = 10.0
"""Seconds: many times what it takes, as machines are busy, and a small part of what would be left to compute."""


def script(code: str) -> subprocess.Popen:
    """A process that has come to print "ready"."""
    process = begun(sys.executable, "-c", code)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n", process.communicate()
    return process


def ended(process: subprocess.Popen, number: int) -> str:
    """What a process says that is sent a signal and ends as it should."""
    process.send_signal(number)
    begin = time.monotonic()
    _, said = process.communicate(timeout=60)
    assert time.monotonic() - begin < SOON
    assert process.returncode == 128 + number, said
    assert said.count("\n") == 1, said
    assert said.startswith("interrupted: " if number == signal.SIGINT else "terminated: ")
    assert not list(Path().rglob("*.part"))
    return said


def test_the_installed_command_is_the_one_that_watches() -> None:
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["scripts"]
    assert scripts == {"coulombfit": "coulombfit.__main__:main"}


@pytest.mark.parametrize(("number", "seconds"), [(signal.SIGINT, 0.25), (signal.SIGTERM, 0.6), (signal.SIGINT, 1.2)])
def test_c6_a_command_ends_while_modules_are_imported(pairs: Path, number: int, seconds: float) -> None:
    process = begun(*COMMAND, "fit", str(pairs), "--out", "x.nc")
    time.sleep(seconds)
    ended(process, number)
    assert not Path("x.nc").exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_c6_a_command_ends_in_words_before_its_modules_are_there(number: int) -> None:
    code = """
import sys, time, types
from coulombfit.__main__ import main
def carry_out():
    print("ready", flush=True)
    time.sleep(600)
sys.modules["coulombfit.cli.process"] = types.SimpleNamespace(carry_out=carry_out)
main()
"""
    assert ended(script(code), number).endswith(": nothing had begun\n")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_c6_a_process_ends_within_a_long_call_of_compiled_code(number: int) -> None:
    if signal.getsignal(number) is signal.SIG_IGN:
        pytest.skip("who started these tests, as nohup does, has the signal ignored, and so do children")
    assert "files that were saved stay" in ended(script(ENDING + LONG_CALL), number)


def test_c6_what_is_half_written_is_removed_in_any_thread() -> None:
    Path("a.txt").write_text("before")
    writing = """
import threading, time
import coulombfit.runtime.atomic_files, simulators.engine.atomic_files
def write(module, name):
    with module.replacing(name) as temporary:
        temporary.write_text("half")
        written.release()
        time.sleep(600)
written = threading.Semaphore(0)
for module, name in ((coulombfit.runtime.atomic_files, "a.txt"), (simulators.engine.atomic_files, "b.txt")):
    threading.Thread(target=write, args=(module, name)).start()
    written.acquire()
"""
    process = script(ENDING + writing + LONG_CALL)
    assert len(list(Path().glob(".*.part"))) == 2
    ended(process, signal.SIGINT)
    assert [path.name for path in Path().iterdir()] == ["a.txt"]
    assert Path("a.txt").read_text() == "before"


SAVING = """
import time
from pathlib import Path
with keeping("kept", saves=True):
    try:
        print("ready", flush=True)
        {work}
    finally:
        Path("saved").write_text("x")
        {after}
"""


def test_c6_work_that_can_be_saved_is_left_by_an_exception() -> None:
    process = script(ENDING + SAVING.format(work="time.sleep(600)", after="ending.end()"))
    assert ended(process, signal.SIGTERM) == "terminated: kept\n"
    assert Path("saved").exists()


@pytest.mark.one_by_default
@pytest.mark.parametrize("after", ["time.sleep(600)", "hashlib.pbkdf2_hmac('sha256', b'a', b'b', 10**9)"])
def test_c6_saving_that_comes_to_no_end_is_cut_off(after: str) -> None:
    process = script("import hashlib\n" + ENDING + SAVING.format(work="time.sleep(600)", after=after))
    assert ended(process, signal.SIGINT) == "interrupted: kept\n"


def test_c6_a_second_signal_ends_at_once() -> None:
    code = ENDING.replace("\n", "; import coulombfit.cli.signals; coulombfit.cli.signals.GRACE = 600.0\n")
    process = script(code + SAVING.format(work="time.sleep(600)", after="time.sleep(600)"))
    process.send_signal(signal.SIGINT)
    while not Path("saved").exists():
        time.sleep(0.01)
    ended(process, signal.SIGINT)


def test_c6_a_signal_that_was_ignored_stays_so() -> None:
    code = "import signal; signal.signal(signal.SIGHUP, signal.SIG_IGN)\n"
    process = script(code + ENDING + LONG_CALL)
    process.send_signal(signal.SIGHUP)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(0.3)
    ended(process, signal.SIGTERM)


def test_c6_importing_installs_no_handlers() -> None:
    code = """
import signal, sys
before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)], sys.excepthook, sys.unraisablehook
import coulombfit.__main__, coulombfit.cli.process, coulombfit.cli.app, coulombfit.runtime.atomic_files
assert before == ([signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)], sys.excepthook, sys.unraisablehook)
assert signal.set_wakeup_fd(-1) == -1
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


@pytest.mark.parametrize(
    "seconds",
    [pytest.param(4.0, marks=pytest.mark.slow), *(pytest.param(s, marks=pytest.mark.long) for s in (8.0, 12.0))],
)
def test_c6_a_command_ends_while_it_compiles_or_draws_chains(tmp_path: Path, seconds: float) -> None:
    np.save("many.npy", ensembles.one_species(centre=4.0, sigma=0.04, runs=100_000, seed=1))
    process = begun(*COMMAND, "--no-cache", "fit", "many.npy", "--model", "anisotropic", "--sampler", "nuts")
    time.sleep(seconds)
    ended(process, signal.SIGINT)


SIMULATING = """
import os, sys
import coulombfit.cli.signals, simulators.engine.checkpoint
from coulombfit.__main__ import main

coulombfit.cli.signals.GRACE = 30.0  # machines are busy
save = simulators.engine.checkpoint.Checkpoint.save
def watched(*arguments, **named):
    # some steps are done; a file is not due for ten seconds. In one piece, as two threads may say so at once
    os.write(1, b"ready\\n")
    save(*arguments, **named)
simulators.engine.checkpoint.Checkpoint.save = watched
sys.argv = ["coulombfit", *{arguments}]
main()
"""


@pytest.mark.parametrize(
    "number",
    [pytest.param(signal.SIGINT, marks=pytest.mark.slow), pytest.param(signal.SIGTERM, marks=pytest.mark.long)],
)
def test_c6_a_simulation_that_was_interrupted_goes_on(number: int) -> None:
    setting = ["simulate", "teacher-student", "--runs", "300", "--steps", "20000"]
    unfinished = [*setting, "--checkpoint", "work", "--out", "x.nc"]
    process = script(SIMULATING.format(arguments=unfinished))
    assert "unfinished work stays in work, the same command goes on" in ended(process, number)
    steps = []
    for path in Path("work").glob("group-*.npz"):
        with np.load(path) as group:
            steps.append(int(group["step"]))
    assert steps
    assert 0 < min(steps) < 20_000
    assert not Path("x.nc").exists()
    for arguments in (unfinished, [*setting, "--out", "y.nc"]):
        done = finished(*COMMAND, *arguments)
        assert done.returncode == 0, done.stderr
    np.testing.assert_array_equal(cf.read("x.nc").eigenvalues, cf.read("y.nc").eigenvalues)
    assert not Path("work").exists()
