"""The public data of arXiv:2407.16427: nobody here made them. Skipped, saying so, where the files are absent."""

import re
from pathlib import Path

import numpy as np
import pytest

import coulombfit as cf

# Fewer draws than the default: thousands of pairs in eight files, three models each.
SAMPLING = cf.Sampling(warmup=300, draws=400)


def reference(path: Path) -> dict[str, float]:
    """Moment estimates of the last snapshot: centre, and the width from spacings and from sums."""
    x = np.linalg.svd(np.load(path)["W"][:, -1], compute_uv=False) ** 2
    spacing, total = x[:, 0] - x[:, 1], x.sum(axis=1)
    return {"centre": x.mean(), "sigma_S": np.sqrt((spacing**2).mean() / 4), "sigma_R": total.std() / np.sqrt(2)}


@pytest.mark.parametrize("index", range(8))
def test_one_species_describes_every_file(public_data: list[Path], index: int) -> None:
    path = public_data[index]
    pair = cf.read(path, weights="W", learning_rate="lr", batch_size="batch_size").pair(0)
    rate, size = re.search(r"lr([\d.]+)n.*bs(\d+)", path.stem).groups()
    assert (pair.learning_rate, pair.batch_size, pair.runs) == (float(rate), float(size), 3000)
    fits = {model: cf.fit(pair, model, sampling=SAMPLING) for model in cf.MODELS}
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
