"""What commands write: under which names, what is never written over, and what the exit code says of a fit."""

import json
import os
from pathlib import Path

import numpy as np
import pytest

import coulombfit as cf
from coulombfit.inference import outputs
from simulators import ensembles
from tests.cli.commands import run

QUICK = ("--quiet",)


@pytest.fixture(autouse=True)
def in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With two data sets that bear one name within, own.npz and other.nc."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("warnings.showwarning", __import__("warnings").showwarning)
    for seed, name in enumerate(("own", "other")):
        x = ensembles.one_species(centre=4.0, sigma=0.04, runs=40, seed=seed)
        np.savez(f"{name}.npz", eigenvalues=x)
        cf.Spectra(x, name="same").save(f"{name}.nc")


def refused(*arguments: str) -> None:
    """Refused before anything is computed, and all files left as they were."""
    before = {path: path.read_bytes() for path in Path().rglob("*") if path.is_file()}
    error = run(*arguments, code=2).stderr
    assert "say --overwrite" in error
    assert error.count("\n") == 1
    assert {path: path.read_bytes() for path in Path().rglob("*") if path.is_file()} == before


@pytest.mark.slow
def test_b2_fits_are_named_after_the_file_the_model_and_the_likelihood() -> None:
    for file in ("own.nc", "other.nc"):
        run("fit", file, *QUICK)
    run("fit", "own.nc", "--likelihood", "spacing", *QUICK)
    run("fit", "own.npz", "--model", "gaussian", "--eigenvalues", "eigenvalues", "--pair", "0", *QUICK)
    assert {path.name for path in Path().glob("*.*.nc")} == {
        "own.one-species.nc",
        "other.one-species.nc",
        "own.one-species.spacing.nc",
        "own.eigenvalues.pair0.gaussian.nc",
    }


@pytest.mark.slow
def test_b2_a_result_of_other_data_is_never_overwritten_unless_asked_for() -> None:
    run("fit", "own.nc", "--out", "fit.nc", "--report", "page.html", *QUICK)
    first = cf.Fit.load("fit.nc").record["data"]["fingerprint"]
    refused("fit", "other.nc", "--out", "fit.nc")
    refused("fit", "other.nc", "--report", "page.html")
    refused("fit", "own.nc", "--model", "gaussian", "--out", "fit.nc")
    refused("fit", "own.nc", "--likelihood", "spacing", "--out", "fit.nc")
    # the same question again: its answer is renewed, also with another seed
    run("fit", "own.npz", "--seed", "1", "--out", "fit.nc", "--report", "page.html", *QUICK)
    assert cf.Fit.load("fit.nc").record["data"]["fingerprint"] == first
    run("fit", "other.nc", "--out", "fit.nc", "--overwrite", *QUICK)
    assert cf.Fit.load("fit.nc").record["data"]["fingerprint"] != first


def test_b2_files_of_one_stem_do_not_replace_each_other() -> None:
    np.savetxt("own.csv", ensembles.one_species(centre=4.0, sigma=0.04, runs=40, seed=5), delimiter=",")
    run("fit", "own.npz", *QUICK)
    refused("fit", "own.csv")


def test_b2_what_is_no_such_result_is_never_overwritten() -> None:
    for name in ("notes.nc", "own.gaussian.nc", "page.html", "scaling.nc"):
        Path(name).write_text("what somebody has written")
    refused("fit", "own.nc", "--out", "notes.nc")
    refused("fit", "own.nc", "--out", "other.nc")
    refused("fit", "own.nc", "--report", "page.html")
    refused("compare", "own.nc", "--model", "gaussian", "--model", "one-species")
    refused("calibrate", "gaussian", "--out", "notes.nc")
    refused("simulate", "dyson", "--centres", "4,4", "--widths", "0.1", "--out", "notes.nc")


def test_c2_a_pipe_in_the_place_of_a_result_is_refused_and_not_read() -> None:
    for name in ("page.html", "fit.nc"):
        os.mkfifo(name)
    for option in ("--report=page.html", "--out=fit.nc"):
        assert "say --overwrite" in run("fit", "own.nc", option, code=2).stderr


@pytest.mark.slow
def test_b2_results_of_several_files_say_what_they_are_of() -> None:
    for k, batch in enumerate((16, 64, 32)):
        x = ensembles.one_species(centre=4.0, sigma=0.5 * np.sqrt(0.1 / batch), runs=40, seed=k)
        cf.Spectra(x, 0.1, batch).save(f"s{k}.nc")
    run("scaling", "s0.nc", "s1.nc", "--figure", "rule.png", *QUICK)
    run("scaling", "s1.nc", "s0.nc", "--figure", "rule.png", *QUICK)
    refused("scaling", "s0.nc", "s2.nc")
    refused("scaling", "s0.nc", "s2.nc", "--out", "two.nc", "--figure", "rule.png")
    for k in range(2):
        run("fit", f"s{k}.nc", "--model", "gaussian", *QUICK)
    run("report", "s0.gaussian.nc", "s1.gaussian.nc", *QUICK)
    run("report", "s1.gaussian.nc", "s0.gaussian.nc", *QUICK)
    refused("report", "s0.gaussian.nc")


@pytest.mark.slow
def test_every_command_says_where_its_results_are() -> None:
    text = run("fit", "own.nc", "--report", "page.html").stdout
    assert text.endswith("saved own.one-species.nc\nsaved page.html\n")
    both = ("--model", "gaussian", "--model", "one-species", "--report", "both.html")
    text = run("compare", "own.nc", *both).stdout
    assert text.endswith("saved own.gaussian.nc\nsaved own.one-species.nc\nsaved both.html\n")
    answer = json.loads(run("compare", "own.nc", *both, "--json").stdout)
    assert answer["report"] == "both.html"
    assert answer["answer"] in {"yes", "the data cannot tell"}


@pytest.mark.slow
def test_a_fit_whose_law_does_not_describe_the_data_exits_with_7() -> None:
    rng = np.random.default_rng(0)
    x = 4.0 + 0.05 * rng.normal(size=(300, 2))  # two levels that do not repel
    cf.Spectra(x).save("free.nc")
    result = run("fit", "free.nc", "--json", code=7)
    answer = json.loads(result.stdout)
    assert (answer["converged"], answer["describes"]) == (True, "no")
    assert result.stderr.startswith("error: one-species does NOT describe the data: the data are not as predicted in ")
    assert Path("free.one-species.nc").exists()
    assert json.loads(run("fit", "own.nc", "--json").stdout)["describes"] == "the data cannot tell"
    # of several only what the verdict is about
    two = ensembles.two_species(centre=4.0, sigma_1=0.08, sigma_2=0.02, runs=400, seed=1)
    cf.Spectra(two).save("two.nc")
    answer = json.loads(run("compare", "two.nc", "--model", "one-species", "--model", "two-species", "--json").stdout)
    assert {name: one["describes"] for name, one in answer["fits"].items()} == {
        "one-species": "no",
        "two-species": "yes",
    }


def test_b2_a_simulation_is_renewed_by_its_own_setting_alone() -> None:
    gas = ("simulate", "dyson", "--centres", "4,4", "--runs", "20", "--steps", "50", "--out", "gas.nc")
    run(*gas, "--widths", "0.1", *QUICK)
    before = cf.read("gas.nc").fingerprint
    run(*gas, "--widths", "0.1")
    assert cf.read("gas.nc").fingerprint == before
    refused(*gas, "--widths", "0.2")
    refused(*gas, "--widths", "0.1", "--seed", "1")
    run(*gas, "--widths", "0.2", "--overwrite", *QUICK)
    assert cf.read("gas.nc").fingerprint != before


@pytest.mark.long
def test_a_demo_is_made_again_and_never_over_other_files() -> None:
    run("demo", "--out", "demo", *QUICK)
    run("demo", "--out", "demo", *QUICK)
    refused("demo", "--out", "demo", "--seed", "1")
    Path("mine").mkdir()
    Path("mine/report.html").write_text("what somebody has written")
    refused("demo", "--out", "mine")


def test_b2_data_grouped_in_another_way_are_another_result() -> None:
    x = np.random.default_rng(0).normal([5.0, 3.0], 0.05, (20, 2))
    labels = {
        outputs.identity_of(cf.Spectra(x, clusters=clusters)) for clusters in ("auto", "single", [[0, 1]], [[0], [1]])
    }
    assert len(labels) == 3
    assert cf.Spectra(x).fingerprint in labels
