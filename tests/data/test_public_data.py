"""The public data of arXiv:2407.16427: nobody here made them. Skipped, saying so, where the files are absent."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

import coulombfit as cf
from coulombfit.cli.app import app

# Snapshots 1 to 5 of every file are the same.
pytestmark = pytest.mark.filterwarnings("default:.*are copies of each other")

# Cheaper than the default: thousands of pairs in eight files, three models each.
SAMPLING = cf.Sampling(warmup=300, draws=1000, target_accept=0.9, per_run_draws=100)


def reference(path: Path) -> dict[str, float]:
    """The file's row in the table of the folder's README: centre, and the width from spacings and from sums."""
    readme = (path.parents[1] / "README.md").read_text(encoding="utf-8")
    name = path.stem.removeprefix("TSmodel_")
    row = next(line for line in readme.splitlines() if line.startswith(f"| {name} ") or line.startswith(f"| {name}|"))
    centre, spacings, sums = (float(cell.split("±")[0]) for cell in row.split("|")[2:5])
    return {"centre": centre, "sigma_S": spacings, "sigma_R": sums}


def test_a7_copies_of_snapshots_are_told(public_data: list[Path]) -> None:
    for path in public_data:
        with pytest.warns(UserWarning, match="stationary: snapshots 1, 2, 3, 4, 5 are copies of each"):
            spectra = cf.read(path, weights="W", learning_rate="lr", batch_size="batch_size")
        assert spectra.provenance["stationarity"]["answer"] == "the data cannot tell"
        assert (spectra.provenance["snapshot"], spectra.provenance["runs"]) == (5, 3000)


@pytest.mark.slow
def test_the_command_line_fits_a_file(public_data: list[Path], tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    keys = ["--learning-rate-key", "lr", "--batch-size-key", "batch_size", "--model", "one-species", "--json"]
    result = CliRunner().invoke(app, ["fit", str(public_data[1]), "--weights", "W", *keys])
    assert result.exit_code == 0
    sigma, moments = json.loads(result.stdout)["parameters"]["sigma"], reference(public_data[1])
    assert abs(sigma["mean"] - moments["sigma_S"]) < 3 * sigma["sd"]


@pytest.mark.slow
@pytest.mark.parametrize("index", range(8))
def test_one_species_describes_every_file(public_data: list[Path], index: int) -> None:
    path = public_data[index]
    pair = cf.read(path, weights="W", learning_rate="lr", batch_size="batch_size").pair(0)
    rate, size = re.search(r"lr([\d.]+)n.*bs(\d+)", path.stem).groups()
    assert (pair.learning_rate, pair.batch_size, pair.runs) == (float(rate), float(size), 3000)
    fits = {
        model: cf.fit(pair, model, sampler="nuts", sampling=SAMPLING)
        for model in ("gaussian", "one-species", "two-species")
    }
    for fit in fits.values():
        assert fit.diagnosis.passed, str(fit.diagnosis)

    table, moments = fits["one-species"].table(), reference(path)
    low, high = sorted((moments["sigma_S"], moments["sigma_R"]))
    mean, sd = table.loc["sigma", ["mean", "sd"]]
    assert low - 3 * sd < mean < high + 3 * sd
    assert abs(table.loc["centre", "mean"] - moments["centre"]) < 3 * table.loc["centre", "sd"]

    comparison = cf.compare(fits)
    assert comparison.winner == "one-species", comparison.verdict
    runs = comparison.pointwise
    over_null = (runs["one-species"] - runs["gaussian"]).to_numpy()
    assert over_null.sum() > 5 * np.sqrt(over_null.size) * over_null.std(ddof=1)
    over_one = (runs["two-species"] - runs["one-species"]).to_numpy()
    assert over_one.sum() < 2 * np.sqrt(over_one.size) * over_one.std(ddof=1)
