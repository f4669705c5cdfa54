"""What starts fast: no more is imported than is used, every name exists, and compiled programs are kept on disk."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import coulombfit as cf
from coulombfit.models.names import BUILT_IN
from coulombfit.runtime.compile_cache import FOLDER, cache_folder
from simulators import ensembles

HEAVY = (
    "jax",
    "numpyro",
    "matplotlib",
    "matplotlib.pyplot",
    "arviz_base",
    "arviz_stats",
    "arviz_plots",
    "scipy",
    "pandas",
    "xarray",
)


def imported_after(code: str) -> set[str]:
    """Heavy packages that a process of its own has imported once ``code`` has run."""
    tail = f"\nimport json, sys\nprint('\\n' + json.dumps([name for name in {HEAVY} if name in sys.modules]))"
    done = subprocess.run([sys.executable, "-c", code + tail], capture_output=True, text=True, timeout=120, check=True)
    return set(json.loads(done.stdout.splitlines()[-1]))


def test_importing_takes_nothing_heavy() -> None:
    assert imported_after("import coulombfit, simulators") == set()


@pytest.mark.slow
def test_reading_and_fitting_take_no_figures() -> None:
    taken = imported_after("import coulombfit as cf; cf.fit, cf.fit_many, cf.read, cf.Spectra, cf.laws")
    assert "jax" in taken
    # arviz_base itself takes matplotlib's front, which is fast
    assert not taken & {"matplotlib.pyplot", "arviz_plots"}


@pytest.mark.parametrize("command", [[], ["fit"], ["compare"], ["simulate", "dyson"], ["run"]])
def test_help_takes_nothing_heavy(command: list[str]) -> None:
    code = f"""
from coulombfit.cli.app import app
try:
    app({[*command, "--help"]}, prog_name="coulombfit")
except SystemExit as end:
    assert end.code == 0
"""
    assert imported_after(code) == set()


def test_every_public_name_exists_and_is_told() -> None:
    assert len(cf.__all__) == len(set(cf.__all__)) > 30
    for name in cf.__all__:
        assert getattr(cf, name) is not None, name
    assert set(cf.__all__) <= set(dir(cf))
    assert callable(cf.stationarity)
    with pytest.raises(AttributeError, match="nothing"):
        cf.nothing  # noqa: B018


def test_names_of_models_in_the_help_are_those_of_the_models() -> None:
    assert tuple(cf.MODELS) == tuple(BUILT_IN)


FIT = ["fit", "pairs.csv", "--sampler", "laplace", "--quiet", "--out"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    pairs = ensembles.one_species(centre=4.0, sigma=0.04, runs=50, seed=1)
    lines = [f"{upper:.17g},{lower:.17g}" for upper, lower in pairs]
    (tmp_path / "pairs.csv").write_text("\n".join(lines))
    return tmp_path


def start(folder: Path, *arguments: str, cache: Path) -> subprocess.Popen:
    environment = {name: value for name, value in os.environ.items() if name != "JAX_COMPILATION_CACHE_DIR"}
    command = [str(Path(sys.executable).parent / "coulombfit"), *arguments]
    return subprocess.Popen(
        command, cwd=folder, env=environment | {FOLDER: str(cache)}, stderr=subprocess.PIPE, text=True
    )


def end(process: subprocess.Popen) -> str:
    stderr = process.communicate(timeout=240)[1]
    assert process.returncode == 0, stderr
    return stderr


def entries(cache: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in cache.rglob("*-cache")}


@pytest.mark.long
def test_compiled_programs_are_kept_for_the_next_process(folder: Path) -> None:
    """Two processes at once fill one folder; the next finds everything there; a damaged entry is made anew."""
    cache = folder / "cache"
    for process in [start(folder, *FIT, f"{k}.nc", cache=cache) for k in range(2)]:
        assert end(process) == ""
    made = entries(cache)
    assert len(made) > 3
    end(start(folder, *FIT, "again.nc", cache=cache))
    assert entries(cache).keys() == made.keys()
    for path in cache.rglob("*-cache"):
        path.write_bytes(path.read_bytes()[:100])
    end(start(folder, *FIT, "damaged.nc", cache=cache))
    tables = [cf.Fit.load(folder / f"{name}.nc").table() for name in ("0", "1", "again", "damaged")]
    assert all(table.equals(tables[0]) for table in tables)


@pytest.mark.slow
def test_without_a_cache_nothing_is_kept(folder: Path) -> None:
    cache = folder / "cache"
    end(start(folder, "--no-cache", *FIT, "one.nc", cache=cache))
    assert not cache.exists()
    # a folder that cannot be made
    cache.write_text("in the way")
    end(start(folder, *FIT, "two.nc", cache=cache))
    assert cf.Fit.load(folder / "one.nc").table().equals(cf.Fit.load(folder / "two.nc").table())


def test_the_folder_is_of_one_version_and_one_kind_of_processor(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    monkeypatch.setenv(FOLDER, str(tmp_path))
    here = cache_folder()
    assert here.parent == tmp_path
    monkeypatch.setattr("coulombfit.runtime.compile_cache.version", lambda _: "0.0.1")
    other = cache_folder()
    assert other != here
    assert "0.0.1" in other.name
