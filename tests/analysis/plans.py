"""A plan of three files, and analyses by the command."""

from pathlib import Path

import numpy as np
from typer.testing import CliRunner, Result

from coulombfit.cli.app import app
from simulators import ensembles

SETTINGS = [(0.1, 16), (0.2, 16), (0.1, 64)]
PLAN = """
title = "Three <settings>"

[[data]]
files = ["runs/*.npz"]
eigenvalues = "x"
learning_rate = "lr"
batch_size = "bs"

[fit]
models = ["gaussian", "one-species"]
"""


def write_runs(folder: Path) -> None:
    (folder / "runs").mkdir()
    for seed, (rate, batch) in enumerate(SETTINGS):
        x = ensembles.one_species(centre=4.0, sigma=0.5 * np.sqrt(rate / batch), runs=150, seed=seed)
        np.savez(folder / "runs" / f"setting{seed}.npz", x=x, lr=rate, bs=batch)


def carried_out(path: Path, plan: str) -> Path:
    write_runs(path)
    (path / "analysis.toml").write_text(plan)
    invoke(path, "--json")
    return path


def invoke(folder: Path, *arguments: str, code: int = 0) -> Result:
    result = CliRunner().invoke(app, ["run", str(folder / "analysis.toml"), *arguments])
    assert result.exit_code == code, result.output
    return result
