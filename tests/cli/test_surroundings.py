"""What commands meet where they run: pipes, disks, encodings, and what a user's environment holds."""

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from coulombfit.runtime.atomic_files import require_writable
from tests.cli.processes import COMMAND, finished

pytestmark = pytest.mark.usefixtures("in_an_empty_folder")

resource = pytest.importorskip("resource")


@pytest.mark.one_by_default
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


@pytest.mark.slow
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
