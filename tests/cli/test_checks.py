"""The commands scaling and check, as a user runs them."""

import json
from pathlib import Path

import numpy as np
import pytest

from simulators import ensembles
from tests.cli.commands import run

pytestmark = pytest.mark.usefixtures("where_commands_write")


def files() -> list[str]:
    """Settings with σ = 0.5 s √(α/|B|), s the noise."""
    paths = []
    for seed, (rate, batch, noise) in enumerate([(0.1, 16, 1.0), (0.1, 64, 1.0), (0.4, 16, 1.0), (0.1, 16, 2.0)]):
        x = ensembles.one_species(centre=4.0, sigma=0.5 * noise * np.sqrt(rate / batch), runs=200, seed=seed)
        paths.append(f"setting{seed}.npz")
        np.savez(paths[-1], x=x, lr=rate, bs=batch, noise=noise)
    return paths


READING = ("--eigenvalues", "x", "--learning-rate-key", "lr", "--batch-size-key", "bs")

MORE = (
    *("--factor-key", "noise", "--figure", "s.svg", "--study", "study.svg"),
    *("--predict", "learning_rate=0.2,batch_size=32,factor=1.5"),
)


@pytest.mark.slow
def test_scaling_over_files() -> None:
    paths = files()
    answer = json.loads(
        run("scaling", *paths, *READING, "--factor-key", "noise", "--figure", "s.svg", *MORE, "--json").stdout
    )
    assert answer["converged"] is True
    assert abs(answer["parameters"]["b_batch_size"]["mean"] - 1) < 4 * answer["parameters"]["b_batch_size"]["sd"]
    assert answer["parameters"]["amplitude[0]"]["mean"] == pytest.approx(0.5, rel=0.2)
    assert Path("scaling.nc").stat().st_size > 1000
    assert "<svg" in Path("s.svg").read_text()
    assert "<svg" in Path("study.svg").read_text()
    (predicted,) = answer["predicted"]
    assert (predicted["batch_size"], predicted["factor"], predicted["beyond"]) == (32.0, 1.5, "")
    assert predicted["sigma"]["0"]["lower"] < 0.75 * np.sqrt(0.2 / 32) < predicted["sigma"]["0"]["upper"]
    assert answer["chi_squared"]["freedom"] == 1


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["setting0.npz"], 2, "error: spectra: expected two settings or more, got 1"),
        (["setting0.npz", "setting3.npz"], 2, "error: spectra: expected settings that differ in learning_rate"),
        (["setting0.npz", "setting1.npz", "--factor-key", "mass"], 4, "error: factor: no array named 'mass'"),
        (["setting0.npz", "setting1.npz", "--out", "nowhere/s.nc"], 2, "error: cannot write"),
        (["setting0.npz", "setting1.npz", "--study", "s.txt"], 2, "error: "),
        (["setting0.npz", "setting1.npz", "--predict", "learning_rate=0.1"], 2, "error: predict: expected a setting"),
        (
            ["setting0.npz", "setting1.npz", "--factor-key", "noise", "--predict", "learning_rate=0.1,batch_size=8"],
            2,
            "error: predict: expected a factor, as settings that were run have one",
        ),
        (
            ["setting0.npz", "setting1.npz", "--clusters", "single", "--study", "s.svg"],
            4,
            "error: pair: expected one of 0 degenerate pairs of setting0, setting1",
        ),
    ],
)
def test_errors_are_one_line_and_an_exit_code(arguments, code, message) -> None:
    files()
    result = run("scaling", *arguments, *READING, code=code)
    assert result.stderr.startswith(message)
    assert result.stderr.count("\n") == 1


@pytest.mark.long
def test_check_asks_every_law() -> None:
    np.savez("pairs.npz", x=ensembles.two_species(centre=4.0, sigma_1=0.1, sigma_2=0.02, runs=120, seed=1))
    answer = json.loads(run("check", "pairs.npz", "--eigenvalues", "x", "--json").stdout)
    assert set(answer["log_ratio"]) >= {"one-species (pair)", "anisotropic (density)"}
    assert answer["trustworthy"] is True
    assert [one["level"] for one in answer["data"]["levels"]] == [0, 1]
    assert "DISAGREE" in answer["verdict"]
