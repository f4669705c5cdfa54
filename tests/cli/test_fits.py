"""The command line, as a user runs it."""

import importlib.metadata
import json
import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.main import get_command

import coulombfit as cf
import simulators
from coulombfit.cli.app import app
from coulombfit.cli.exit import Exit
from tests.cli.commands import run

pytestmark = pytest.mark.usefixtures("where_commands_write")


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    w = 2 * np.eye(2) + 0.01 * rng.normal(size=(60, 2, 2, 2))
    np.savez(tmp_path / "runs.npz", W=w, lr=0.1, bs=16)
    return tmp_path / "runs.npz"


READING = ("--weights", "W", "--learning-rate-key", "lr", "--batch-size-key", "bs")


def test_fit_prints_saves_and_reports(weights: Path) -> None:
    output = run("fit", str(weights), *READING, "--report", "report.html").stdout
    assert "learning_rate 0.1, batch_size 16" in output
    assert "Converged: every check passed." in output
    fit = cf.Fit.load("runs.W.one-species.nc")
    assert fit.record["seed"] == 0
    assert "fit of runs" in Path("report.html").read_text()


def test_json_is_all_of_stdout(weights: Path) -> None:
    result = run("fit", str(weights), *READING, "--json", "--model", "gaussian", "--seed", "3", "--out", "x.nc")
    answer = json.loads(result.stdout)
    assert answer["converged"] is True
    assert answer["file"] == "x.nc"
    given = answer["data"]
    assert [one["level"] for one in given["levels"]] == [0, 1]
    assert (given["source"][0], given["doubtful"]) == (weights.name, [])
    table = cf.Fit.load("x.nc").table()
    assert answer["parameters"]["sigma"]["mean"] == table.loc["sigma", "mean"]
    assert run("fit", str(weights), *READING, "--quiet", "--model", "gaussian").stdout == ""


@pytest.mark.slow
def test_compare_by_spacings_takes_the_models_that_can(weights: Path) -> None:
    answer = json.loads(run("compare", str(weights), *READING, "--likelihood", "spacing", "--json").stdout)
    assert set(answer["fits"]) == {"gaussian", "one-species"}
    assert [one["level"] for one in answer["data"]["levels"]] == [0, 1]
    assert answer["simplest_unbeaten"] in answer["fits"]


def test_fits_of_the_same_name_are_all_reported(weights: Path) -> None:
    for folder in ("a", "b"):
        Path(folder).mkdir()
        run("fit", str(weights), *READING, "--model", "gaussian", "--out", f"{folder}/fit.nc")
    answer = json.loads(run("report", "a/fit.nc", "b/fit.nc", "--json").stdout)
    assert answer["fits"] == ["a/fit.nc", "b/fit.nc"]


def test_names_make_harmless_file_names(weights: Path) -> None:
    Path("a b").mkdir()
    weights.rename("a b/$c d.npz")
    run("fit", "a b/$c d.npz", *READING, "--model", "gaussian", "--pair", "0")
    assert Path("c-d.W.pair0.gaussian.nc").exists()


def test_a_grouping_and_levels_are_stated(tmp_path: Path) -> None:
    x = np.random.default_rng(0).normal([5.0, 3.0, 2.99, 0.0], [0.01, 0.01, 0.01, 0.0], (60, 4))
    np.savez(tmp_path / "x.npz", eigenvalues=x)
    stated = ("--levels", "nonzero", "--clusters", "1,2;single")
    output = run("fit", "x.npz", *stated, "--model", "gaussian").stdout
    assert "grouping: levels 1,2 together, grouped as stated" in output
    saved = "x.levelsnonzero.clusters1-2-single.gaussian.nc"
    assert cf.Fit.load(saved).record.data.provenance["levels"] == [1, 2]
    # the same data grouped in another way are another result
    other = ("--levels", "1-2", "--clusters", "1,2", "--model", "gaussian", "--out", saved)
    assert "cannot write" in run("fit", "x.npz", *other, code=2).stderr
    guessed = json.loads(run("fit", "x.npz", "--levels", "0-2", "--model", "gaussian", "--json").stdout)
    assert guessed["data"]["grouping"].startswith(
        "levels 1,2 together, grouped by the gaps between their distributions"
    )


def test_compare_then_report_from_the_saved_fits(weights: Path) -> None:
    output = run("compare", str(weights), *READING, "--model", "gaussian", "--model", "one-species").stdout
    assert "gaussian" in output.splitlines()[-3]
    assert output.splitlines()[-2:] == ["saved runs.W.gaussian.nc", "saved runs.W.one-species.nc"]
    run("report", "runs.W.gaussian.nc", "runs.W.one-species.nc", "--out", "both.html")
    page = Path("both.html").read_text()
    assert "runs.W.one-species" in page
    assert "Comparison" in page


@pytest.mark.slow
def test_demo_recovers_what_it_simulated() -> None:
    output = run("demo", "--out", "here/demo").stdout
    assert "sigma_1: 0.1061; anisotropic 0.1" in output
    assert "anisotropic is preferred over two-species" in output
    assert {path.name for path in Path("here/demo").iterdir()} == {
        "laws.png",
        "report.html",
        "spectra.nc",
        *(f"students.{model}.nc" for model, one in cf.MODELS.items() if one.of_pairs and one.needs_degenerate),
    }


@pytest.mark.slow
def test_a_fit_that_fails_its_gate_exits_with_3_and_is_kept(weights: Path, monkeypatch) -> None:
    monkeypatch.setattr("coulombfit.inference.convergence.MIN_ESS", 1e9)
    assert "effective draws failed" in run("fit", str(weights), *READING, code=3).stderr
    result = run("fit", str(weights), *READING, "--sampler", "nuts", code=3)
    assert "NOT CONVERGED" in result.stdout
    assert "error: one-species: NOT CONVERGED, do not use: bulk ESS, tail ESS failed." in result.stderr
    assert Path("runs.W.one-species.nc").exists()


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["fit", "nowhere.npz"], 2, "no such file: nowhere.npz"),
        (["fit", "{}", "--weights", "V"], 4, "weights: no array named 'V'"),
        (["fit", "{}", "--weights", "W", "--model", "three"], 2, "model: expected one of"),
        (["fit", "{}", "--weights", "W", "--pair", "1"], 4, "no pair 1 among 1 pairs"),
        (
            ["fit", "{}", "--weights", "W", "--clusters", "single", "--pair", "0"],
            4,
            "single levels, 0–1: spectra.level(k)",
        ),
        (["fit", "{}", "--weights", "W", "--clusters", "0;1,2"], 4, "clusters: expected levels among 0–1, got 2"),
        (["fit", "{}", "--weights", "W", "--levels", "2"], 4, "levels: expected numbers from 0, the topmost, to 1"),
        (["fit", "no.npz", "--clusters", "pairs"], 2, "clusters: expected auto, single, or clusters of levels"),
        (["scaling", "no.npz", "--levels", "x"], 2, "levels: expected numbers and ranges from the top"),
        (["fit", "{}", "--weights", "W", "--out", "no/such/fit.nc"], 2, "the folder no/such does not exist"),
        (["fit", "{}", "--weights", "W", "--targets", "4"], 4, "targets: expected shape (2,)"),
        (["fit", "{}", "--weights", "W", "--out", "."], 2, "it is a folder; name a file"),
        (["fit", "{}", "--weights", "W", "--report", "no/report.html"], 2, "the folder no does not exist"),
        (["fit", "{}", "--weights", "W", "--seed", "-1"], 2, "seed: expected a whole number"),
        (["fit", "{}", "--weights", "W", "--learning-rate", "0.1", "--learning-rate-key", "lr"], 2, "got both 0.1 and"),
        (["fit", "{}", "--weights", "W", "--learning-rate-key", "W"], 4, "expected one positive number, got shape"),
        (["compare", "{}", "--weights", "W", "--model", "gaussian"], 2, "two or more different models, got gaussian"),
        (
            ["compare", "{}", "--weights", "W", "--model", "gaussian", "--model", "gas"],
            2,
            "some are of a pair",
        ),
        (
            ["compare", "no.npz", "--model", "gaussian", "--model", "gaussian"],
            2,
            "different models, got gaussian, g",
        ),
        (["compare", "{}", "--weights", "W", "--model", "gaussian", "--model", "g"], 2, "model: expected one of"),
        (["compare", "{}", "--weights", "W", "--out", "nowhere"], 2, "the folder nowhere does not exist"),
        (["fit", "no.npz", "--report", "x.pdf"], 2, "report: expected a name that ends in .html or .htm, got x.pdf"),
        (["fit", "no.npz", "--out", "x.csv"], 2, "out: expected a name that ends in .nc, got x.csv"),
        (["report", "no.nc", "--out", "x.pdf"], 2, "out: expected a name that ends in .html or .htm, got x.pdf"),
        (["scaling", "no.npz", "--out", "x"], 2, "out: expected a name that ends in .nc, got x"),
        (["scaling", "no.npz", "--margin", "nan"], 2, "margin: expected a finite number above 0, got nan"),
        (["scaling", "no.npz", "--curvature", "nan"], 2, "curvature: expected a finite number above 0, got nan"),
        (["check", "no.npz", "--tolerance", "nan"], 2, "tolerance: expected a finite number above 0, got nan"),
        (["fit", "no.npz", "--learning-rate", "nan"], 2, "learning_rate: expected a finite number above 0, got nan"),
        (["fit", "no.npz", "--batch-size", "-1"], 2, "batch_size: expected a finite number above 0, got -1"),
        (["fit", "no.npz", "--targets", "4,nan"], 2, "targets: expected finite numbers from 0, got nan"),
        (["report", "nowhere.nc"], 2, "no such file: nowhere.nc"),
        (["report", "{}"], 4, "cannot read a fit"),
        (["simulate", "teacher-student", "--layer", "eq99"], 2, "layer: expected one of identity, eq26, eq27"),
        (["simulate", "teacher-student", "--learning-rate", "3"], 2, "training diverges"),
        (["simulate", "rbm", "--noise", "loud"], 2, "noise: expected one of data, model, both, pcd"),
        (["simulate", "rbm", "--mass2", "6"], 2, "kernel: expected eigenvalues between 0 and mu2 = 9"),
        (["simulate", "dyson", "--centres", "2,one", "--widths", "1"], 2, "centres: expected comma-separated numbers"),
    ],
)
def test_errors_are_one_line_and_an_exit_code(weights: Path, arguments, code, message) -> None:
    result = run(*(argument.format(weights) for argument in arguments), code=code)
    assert message in result.stderr
    assert result.stderr.count("error:") == 1
    assert result.stdout == ""
    assert sorted(path.name for path in Path().iterdir()) == ["runs.npz"]


def commands() -> dict[str, Any]:
    """Every command by what is typed."""
    found: dict[str, Any] = {}
    for name, command in get_command(app).commands.items():
        inner = getattr(command, "commands", None)
        found |= {name: command} if inner is None else {f"{name} {each}": one for each, one in inner.items()}
    return found


@pytest.mark.parametrize("typed", commands())
def test_help_has_an_example_and_explains_every_option(typed: str) -> None:
    text = " ".join(run(*typed.split(), "--help").stdout.split())
    assert f"Example: coulombfit {typed}" in text
    for parameter in commands()[typed].params:
        assert len(parameter.help or "") > 5, parameter.name


def test_exit_codes_are_told() -> None:
    """In the help, in the README and in one table: all of them, and the same."""
    text = " ".join(run("--help").stdout.split())
    readme = " ".join((Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8").split())
    for code in Exit:
        assert f"{code.value} {code.meaning}" in text
        assert f"{code.value} {code.meaning}" in readme
    page = (Path(__file__).parents[2] / "docs" / "reference" / "commands.md").read_text(encoding="utf-8")
    told = [row.split("|")[1] for row in page.splitlines() if re.match(r"\| \d", row)]
    assert {int(code) for codes in told for code in codes.split(",")} == {code.value for code in Exit}


def test_the_version_stands_in_one_place() -> None:
    assert run("--version").stdout == f"coulombfit {cf.__version__}\n"
    assert importlib.metadata.version("coulombfit") == cf.__version__
    citation = (Path(__file__).parents[2] / "CITATION.cff").read_text(encoding="utf-8")
    assert f"\nversion: {cf.__version__}\n" in citation


@pytest.mark.parametrize("command", [[], ["fit"], ["simulate", "rbm"]])
def test_help_has_a_short_name(command: list[str]) -> None:
    assert run(*command, "-h").stdout == run(*command, "--help").stdout != ""


def test_version_names_what_results_rest_on() -> None:
    versions = json.loads(run("version", "--json").stdout)
    assert versions["coulombfit"] == version("coulombfit")
    assert {"python", "jax", "numpyro", "arviz-stats"} <= versions.keys()
    assert f"jax {version('jax')}" in run("version").stdout.splitlines()


def test_the_installed_command_runs() -> None:
    """A process of its own: devices, precision and backend are set before JAX starts."""
    command = Path(sys.executable).parent / "coulombfit"
    done = subprocess.run(
        [command, "simulate", "teacher-student", "--runs", "3", "--steps", "120"], timeout=120, check=True
    )
    assert done.returncode == 0
    assert Path("teacher-student.nc").exists()


@pytest.mark.slow
def test_calibrate_writes_ranks_and_exits_with_5_where_they_are_not_uniform(monkeypatch) -> None:
    arguments = ("calibrate", "gaussian", "--likelihood", "spacing", "--runs", "10", "--datasets", "200")
    output = run(*arguments, "--figure", "ranks.png").stdout
    assert "gaussian (spacing) is calibrated" in output
    assert Path("calibration.nc").exists()
    assert Path("ranks.png").stat().st_size > 5_000
    monkeypatch.setattr("coulombfit.checks.fits.calibration.FALSE_ALARM", 1.0)
    result = run(*arguments, "--json", code=5)
    assert json.loads(result.stdout)["calibrated"] is False
    assert "NOT CALIBRATED in sigma" in result.stderr


@pytest.mark.long
def test_a_gas_takes_all_levels_unless_told_which_pair(tmp_path: Path) -> None:
    run_ = simulators.dyson.simulate(centres=[5.0, 3.0, 3.0], widths=0.1, runs=40, steps=300)
    cf.Spectra(run_.eigenvalues[:, -1], name="three").save("three.nc")
    quick = ("--json", "--quiet")
    all_levels = json.loads(run("fit", "three.nc", "--model", "gas", *quick).stdout)
    assert set(all_levels["parameters"]) == {"centre[0]", "centre[1]", "sigma[0]", "sigma[1]"}
    assert all_levels["likelihood"] == "levels"
    pair = json.loads(run("fit", "three.nc", "--model", "gas", "--pair", "0", *quick).stdout)
    assert set(pair["parameters"]) == {"centre[0]", "sigma[0]"}
    assert "one cluster" in run("fit", "three.nc", "--model", "gas-beta", code=4).stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("fit", "in.nc", "--out", "in.nc"),
        ("fit", "in.nc", "--out", "./link.nc"),
        ("fit", "in.nc", "--out", "hard.nc"),
        ("fit", "in.nc", "--report", "in.nc"),
        ("fit", "recording", "--out", "recording/segment.nc"),
        ("fit", "in.nc", "--out", "x.nc", "--report", "./x.nc"),
        ("compare", "in.nc", "--report", "in.nc"),
        ("report", "in.nc", "--out", "in.nc"),
        ("scaling", "in.nc", "other.nc", "--out", "other.nc"),
        ("scaling", "other.nc", "--out", "x.svg", "--figure", "x.svg"),
        ("calibrate", "--out", "x.svg", "--figure", "x.svg"),
    ],
)
def test_b1_an_output_never_overwrites_an_input_or_another_output(tmp_path: Path, monkeypatch, arguments) -> None:
    """Refused before reading: what is not even a file of spectra is left as it was."""
    monkeypatch.chdir(tmp_path)
    for name in ("in.nc", "other.nc"):
        Path(name).write_text(name)
    Path("link.nc").symlink_to("in.nc")
    Path("hard.nc").hardlink_to("in.nc")
    Path("recording").mkdir()
    result = run(*arguments, code=2)
    assert "of this command; name another file" in result.stderr
    assert Path("in.nc").read_text() == "in.nc"
    assert Path("other.nc").read_text() == "other.nc"
    assert not Path("x.nc").exists()


@pytest.mark.slow
def test_a_trajectory_is_fitted_whole(tmp_path: Path) -> None:
    from tests.laws.matrices import levels_over_time

    steps = np.arange(0.0, 2000.0, 10.0)
    cf.Trajectories(levels_over_time(steps, rate=0.03), steps, 0.1, 16).save(tmp_path / "run.nc")
    answer = json.loads(run("fit", "run.nc", "--model", "dyson", "--burn-in", "200", "--json").stdout)
    assert answer["file"] == "run.burn-in200.dyson.nc"
    assert {"memory[0]", "rate[0]", "noise[0]"} <= set(answer["parameters"])
    assert cf.Fit.load(answer["file"]).observations.shape == (1, 180, 2)
    refused = run("fit", "run.nc", "--model", "dyson", "--snapshot", "3", code=Exit.USAGE).output
    assert "snapshot: it is of an ensemble of spectra" in refused
