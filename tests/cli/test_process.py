"""How commands start and end as processes: signals, pipes, disks, encodings, and what a user's environment holds."""

import os
import signal
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

import coulombfit as cf
from coulombfit.runtime.atomic_files import require_writable
from simulators import ensembles

ROOT = Path(__file__).parents[2]
resource = pytest.importorskip("resource")
COMMAND = [sys.executable, "-m", "coulombfit"]
ENDING = "from coulombfit.cli.signals import Ending, keeping; ending = Ending(); ending.watch()\n"
LONG_CALL = "import hashlib; print('ready', flush=True); hashlib.pbkdf2_hmac('sha256', b'a', b'b', 10**9)\n"
"""One step of Python that takes minutes and lets other threads run, as a call of XLA does."""
SOON = 10.0
"""Seconds: many times what it takes, as machines are busy, and a small part of what would be left to compute."""


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    # where the tests run in the background, their children would ignore Ctrl-C
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield tmp_path
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    np.save(tmp_path / "pairs.npy", ensembles.one_species(centre=4.0, sigma=0.04, runs=50, seed=1))
    return tmp_path / "pairs.npy"


def begun(*command: str, **settings: str) -> subprocess.Popen:
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace", env=os.environ | settings
    )


def finished(*command: str, **settings: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        command, capture_output=True, timeout=240, check=False, env=os.environ | settings, stdin=subprocess.DEVNULL
    )


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


@pytest.mark.slow
@pytest.mark.parametrize("seconds", [4.0, 8.0, 12.0])
def test_c6_a_command_ends_while_it_compiles_or_draws_chains(tmp_path: Path, seconds: float) -> None:
    np.save("many.npy", ensembles.one_species(centre=4.0, sigma=0.04, runs=100_000, seed=1))
    process = begun(*COMMAND, "--no-cache", "fit", "many.npy", "--sampler", "nuts", "--out", "x.nc")
    time.sleep(seconds)
    ended(process, signal.SIGINT)


SIMULATING = """
import sys
import coulombfit.cli.signals, simulators.engine.checkpoint
from coulombfit.__main__ import main

coulombfit.cli.signals.GRACE = 30.0  # machines are busy
save = simulators.engine.checkpoint.Checkpoint.save
def watched(*arguments, **named):
    print("ready", flush=True)  # some steps are done; a file is not due for ten seconds
    save(*arguments, **named)
simulators.engine.checkpoint.Checkpoint.save = watched
sys.argv = ["coulombfit", *{arguments}]
main()
"""


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
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


@pytest.mark.parametrize("arguments", [["--help"], ["run", "--template"], ["fit", "--pair", "none"]])
def test_c6_a_pipe_that_nobody_reads_ends_in_silence(arguments: list[str]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    process = subprocess.Popen(
        [*COMMAND, *arguments],
        stdout=writing,
        stderr=writing if arguments[0] == "fit" else subprocess.PIPE,
        env=os.environ,
    )
    os.close(writing)
    assert not process.communicate(timeout=60)[1]
    assert process.returncode == 141


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_b4_output_that_cannot_be_written_is_one_line() -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run([*COMMAND, "version"], stdout=full, stderr=subprocess.PIPE, check=False, timeout=60)
    assert done.returncode == 2
    assert done.stderr.decode().startswith("error: cannot write what this command prints")
    assert done.stderr.count(b"\n") == 1


ENCODINGS = [
    {"PYTHONIOENCODING": "ascii"},
    {"PYTHONIOENCODING": "latin-1"},
    {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
]


@pytest.mark.parametrize(
    "settings", [ENCODINGS[1], *(pytest.param(one, marks=pytest.mark.slow) for one in ENCODINGS[::2])]
)
def test_c8_help_templates_and_errors_in_any_encoding(settings: dict[str, str]) -> None:
    shown = finished(*COMMAND, "fit", "--help", **settings)
    assert (shown.returncode, shown.stderr) == (0, b"")
    template = finished(*COMMAND, "run", "--template", **settings).stdout
    assert "data" in tomllib.loads(template.decode("utf-8"))
    refused = finished(*COMMAND, "fit", "pairs.npy", "--pair", "σ", **settings)
    assert refused.returncode == 2
    assert b"Invalid value for '--pair'" in refused.stderr
    assert b"Traceback" not in refused.stderr


@pytest.mark.long
@pytest.mark.parametrize("settings", ENCODINGS)
def test_c8_answers_in_any_encoding(pairs: Path, settings: dict[str, str]) -> None:
    for arguments in (["check", "pairs.npy"], ["fit", "pairs.npy"]):
        done = finished(*COMMAND, *arguments, **settings)
        assert (done.returncode, done.stderr) == (0, b"")
    refused = finished(*COMMAND, "fit", "σ.npy", **settings)
    assert refused.returncode == 2
    assert refused.stderr.startswith(b"error: path: no such file: ")


@pytest.mark.long
def test_c8_figures_whatever_a_notebook_or_a_style_has_set(pairs: Path, tmp_path: Path) -> None:
    Path("matplotlibrc").write_text("text.usetex: True\n")
    here = {"MATPLOTLIBRC": str(tmp_path / "matplotlibrc"), "MPLBACKEND": "module://matplotlib_inline.backend_inline"}
    here["PATH"] = ""  # no LaTeX
    for name, settings in (("there.html", {"MATPLOTLIBRC": os.devnull}), ("here.html", here)):
        done = finished(*COMMAND, "fit", "pairs.npy", "--out", "x.nc", "--report", name, **settings)
        assert done.returncode == 0, done.stderr
    assert Path("here.html").read_bytes() == Path("there.html").read_bytes()


@pytest.mark.slow
@pytest.mark.parametrize("home", [None, "/dev/null/none"])
def test_c8_without_a_home(pairs: Path, home: str | None) -> None:
    unset = ("HOME", "JAX_COMPILATION_CACHE_DIR", "COULOMBFIT_CACHE_DIR")
    environment = {name: value for name, value in os.environ.items() if name not in unset}
    environment |= {} if home is None else {"HOME": home}
    arguments = [*COMMAND, "fit", "pairs.npy", "--out", "x.nc"]
    done = subprocess.run(arguments, env=environment, capture_output=True, text=True, check=False, timeout=240)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("compiled programs are not kept") == (home is not None)
    assert sorted(path.name for path in Path().iterdir()) == ["pairs.npy", "x.nc"]


@pytest.mark.parametrize("chosen", ["nonsense", pytest.param("cuda", marks=pytest.mark.slow)])
def test_c8_devices_that_are_not_there_are_one_line(chosen: str) -> None:
    probe = f"import os; os.environ['JAX_PLATFORMS'] = {chosen!r}; import jax; jax.devices()"
    if chosen == "cuda" and finished(sys.executable, "-c", probe).returncode == 0:
        pytest.skip("there is a GPU")
    done = finished(*COMMAND, "simulate", "dyson", "--centres", "5,4", "--widths", "0.1", JAX_PLATFORMS=chosen)
    assert done.returncode == 2
    assert done.stderr.decode().startswith(
        f"error: JAX_PLATFORMS: expected devices that JAX finds here, got '{chosen}'"
    )
    assert done.stderr.count(b"\n") == 1
    assert not list(Path().iterdir())


def test_c8_a_folder_that_cannot_be_written_to_is_refused_first(monkeypatch: pytest.MonkeyPatch) -> None:
    # permissions do not hold for root
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(PermissionError, match=r"cannot write x.nc: the folder \. cannot be written to"):
        require_writable("x.nc")


LIMITED = """
import resource, sys
from coulombfit.__main__ import main

# files end there, as on a disk with that much room: writing beyond raises OSError
resource.setrlimit(resource.RLIMIT_FSIZE, (30_000, resource.RLIM_INFINITY))
sys.argv = ["coulombfit", *{arguments}]
main()
"""
DYSON = ["simulate", "dyson", "--centres", "5,4", "--widths", "0.1", "--runs", "3000", "--steps", "50"]


@pytest.mark.parametrize(
    ("arguments", "kept"),
    [
        pytest.param(DYSON, [], marks=pytest.mark.slow),
        pytest.param(["fit", "pairs.npy"], [], marks=pytest.mark.slow),
        pytest.param(
            ["run", "a.toml"],
            ["a", "kept", "fits", "sets", ".lock", ".analysis.json"],
            marks=pytest.mark.long,
        ),
        # a whole file, and small enough
        pytest.param(["demo"], ["coulombfit-demo", "spectra.nc"], marks=pytest.mark.long),
    ],
)
def test_b4_a_full_disk_is_one_line_and_nothing_half_written(
    pairs: Path, monkeypatch, arguments: list[str], kept: list[str]
) -> None:
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY
    Path("a.toml").write_text('[[data]]\nfiles = "pairs.npy"\nlearning_rate = 0.1\nbatch_size = 16\n')
    monkeypatch.delenv("JAX_COMPILATION_CACHE_DIR", raising=False)  # which would be full, too
    done = finished(sys.executable, "-c", LIMITED.format(arguments=["--no-cache", *arguments]))
    said = done.stderr.decode()
    assert done.returncode == 2, said
    assert said.startswith("error: [Errno 27] File too large: ")
    assert said.count("\n") == 1
    assert {path.name for path in Path().rglob("*")} <= {"pairs.npy", "a.toml", *kept}
