"""How often intervals hold the truth, against the number of runs: what the least numbers of runs rest on.

    python -m benchmarks.coverage [--sets 500] [--runs 3 10 30] [--models …] [--likelihoods …] [--markdown FILE] [--json FILE]

Data sets are drawn at one truth from every model's own law and fitted by `cf.fit_many`; coverage of a parameter is the
share of data sets whose 90 % interval holds its truth. Two widths are as 2 to 1, r = 0.6; the gas has clusters of one
and two levels.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import pandas as pd
from rich.console import Console

import coulombfit as cf
from benchmarks.output import Sheet, machine, use_cores
from coulombfit.models import MODELS, Model
from coulombfit.precision import double_precision

CENTRE, SIGMA = 4.0, 0.04
ONE = {"centre": CENTRE, "sigma": SIGMA, "mean_spacing": np.sqrt(np.pi) * SIGMA}
WIDTHS = (0.04, 0.02)
SIGMA_M = float(np.sqrt((WIDTHS[0] ** 2 + WIDTHS[1] ** 2) / 2))
TWO = {
    "centre": CENTRE,
    "sigma_1": WIDTHS[0],
    "sigma_2": WIDTHS[1],
    "sigma_m": SIGMA_M,
    "r": 0.6,
    "mean_spacing": np.sqrt(np.pi) * SIGMA_M,
}
GAS = {"centre[0]": CENTRE, "centre[1]": 2.0, "sigma[0]": SIGMA, "sigma[1]": 0.03}
TRUTHS: dict[str, dict[str, float]] = {
    "gaussian": {name: ONE[name] for name in ("centre", "sigma")},
    "one-species": ONE,
    "two-species": TWO,
    "anisotropic": TWO,
    "gas": GAS,
    "gas-beta": {"centre[0]": CENTRE, "sigma[0]": SIGMA, "beta": 1.0},
}
RUNS = (3, 10, 30)


def spectra(model: str, runs: int, sets: int, seed: int) -> list[cf.Spectra]:
    """So many data sets of so many runs each, drawn at the truth of a model from its law of all levels."""
    import jax

    chosen: Model = MODELS[model]
    if model == "gas":
        chosen = type(chosen)(sizes=(2, 1))
    truth = {name: values for name, values in _by_cluster(TRUTHS[model]).items()}
    with double_precision():
        law = chosen.simulate(chosen.likelihoods[0], truth)
        levels = np.asarray(law.sample(jax.random.key(seed), (sets, runs)))
    targets = {"gas": [CENTRE, CENTRE, 2.0]}.get(model, [CENTRE, CENTRE])
    return [cf.Spectra(one, targets=targets) for one in levels]


def _by_cluster(truth: dict[str, float]) -> dict[str, np.ndarray]:
    found: dict[str, list[float]] = {}
    for name, value in truth.items():
        found.setdefault(name.partition("[")[0], []).append(value)
    several = any("[" in name for name in truth)
    return {
        name: np.array(values if several and name != "beta" else values[0]) for name, values in found.items()
    }


def coverage(model: str, likelihood: str, runs: int, sets: int, seed: int = 0) -> tuple[pd.Series, cf.ManyFits]:
    """Share of data sets whose interval holds the truth, by parameter, and the fits."""
    data = spectra(model, runs, sets, seed)
    many = cf.fit_many(data, model, likelihood, sampling=cf.Sampling(chains=4, draws=1000), progress=False)
    truth = TRUTHS[model]
    table = many.table.reset_index()
    table.columns = ["spectrum", "parameter", *many.table.columns]
    value = table["parameter"].map(truth)
    return ((table["lower"] <= value) & (value <= table["upper"])).groupby(table["parameter"]).mean(), many


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", type=int, default=500)
    parser.add_argument("--runs", type=int, nargs="+", default=RUNS)
    parser.add_argument("--models", nargs="+", default=list(TRUTHS))
    parser.add_argument("--likelihoods", nargs="+")
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--markdown", type=Path)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    cores = use_cores(arguments.cores)
    sheet = Sheet(
        f"Coverage of 90 % intervals in per cent, {arguments.sets} data sets each",
        ("model", "likelihood", "runs", "least", "coverage", "converged", "seconds"),
        [machine(cores)],
    )
    console = Console(stderr=True)
    for model in arguments.models:
        for likelihood in arguments.likelihoods or MODELS[model].likelihoods:
            if likelihood not in MODELS[model].likelihoods:
                continue
            for runs in arguments.runs:
                begin = time.perf_counter()
                with console.status(f"{model} {likelihood}: {runs} runs"):
                    share, many = coverage(model, likelihood, runs, arguments.sets)
                seconds = time.perf_counter() - begin
                shown = ", ".join(f"{name} {100 * value:.1f}" for name, value in share.items())
                converged = float(many.fits["converged"].mean())
                cells = (model, likelihood, str(runs), "", shown, f"{converged:.1%}", f"{seconds:.0f}")
                record = {"model": model, "likelihood": likelihood, "runs": runs, "coverage": share.to_dict()}
                sheet.add(cells, record | {"converged": converged, "chains": int((many.fits["sampler"] == "nuts").sum())})
                print(*cells, (many.fits["sampler"] == "nuts").sum(), flush=True)
    sheet.show()
    sheet.write(arguments.markdown, arguments.json)


if __name__ == "__main__":
    main()
