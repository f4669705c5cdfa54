"""The command that simulates, as a user runs it."""

import json
from pathlib import Path

import pytest

import coulombfit as cf
from tests.cli.commands import run

pytestmark = pytest.mark.usefixtures("where_commands_write")


def test_simulate_gives_a_file_that_fit_takes() -> None:
    output = run("simulate", "teacher-student", "--runs", "50", "--steps", "200", "--save-every", "100").stdout
    assert "linear response widths 0.091766, 0.091766" in output
    spectra = cf.read("teacher-student.nc")
    assert (spectra.runs, spectra.learning_rate, spectra.batch_size) == (50, 0.1, 1.0)
    assert spectra.provenance["steps"] == 200
    with pytest.warns(UserWarning, match="NOT stationary"):
        assert cf.read("teacher-student.nc", snapshot=0).fingerprint != spectra.fingerprint


@pytest.mark.slow
def test_machines_and_gases_give_files_that_fit_takes() -> None:
    rbm = ("simulate", "rbm", "--dtype", "float32", "--runs", "30", "--steps", "700", "--learning-rate", "0.3")
    output = run(*rbm, "--batch-size", "512", "--checkpoint", "unfinished", "--json").stdout
    assert json.loads(output)["excluded"] == 0
    assert not Path("unfinished").exists()
    machines = cf.read("rbm.nc")
    assert (machines.runs, machines.learning_rate, machines.batch_size) == (30, 0.3, 512)
    assert abs(machines.pair(1).eigenvalues.mean() - 3.618) < 0.05
    output = run(
        "simulate", "dyson", "--centres", "5,4,4,3", "--widths", "0.05", "--runs", "30", "--out", "g.nc"
    ).stdout
    assert "coulomb shifts 0.00625, 0, 0, -0.00625" in output
    assert cf.read("g.nc").eigenvalues.shape == (30, 4)


@pytest.mark.slow
def test_perceptrons_give_a_file_of_all_layers(unchecked: None) -> None:
    mlp = ("simulate", "mlp", "--widths", "5,4,3", "--samples", "60", "--runs", "12", "--steps", "40")
    output = run(*mlp, "--no-replacement", "--batch-size", "6", "--data", "teacher").stdout
    assert "saved mlp.nc; layers layer_0, layer_1, loss" in output
    layers = cf.read_layers("mlp.nc")
    assert {name: spectra.eigenvalues.shape for name, spectra in layers.items()} == {
        "layer_0": (12, 4),
        "layer_1": (12, 3),
    }
    assert layers["layer_0"].batch_size == 6
    result = run("simulate", "mlp", "--widths", "5,4.5", "--out", "other.nc", code=2)
    assert "widths: expected two or more whole numbers above 0" in result.stderr


@pytest.mark.slow
def test_a_simulation_of_which_nothing_is_left_exits_with_6() -> None:
    rbm = ("simulate", "rbm", "--batch-size", "1", "--learning-rate", "0.5", "--runs", "9", "--steps", "400")
    result = run(*rbm, code=6)
    assert "error: all 9 runs diverged: weights left the region" in result.stderr
    assert not Path("rbm.nc").exists()
