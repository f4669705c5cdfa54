"""How often intervals hold the truth, against the number of runs: what the least numbers of runs rest on.

    python -m benchmarks.coverage [--sets 500] [--runs 3 10 30] [--models NAME …] [--likelihoods NAME …]
                                  [--r 0 0.3 0.9] [--markdown FILE] [--json FILE]

Data sets are drawn at one truth from every model's own law and fitted by `cf.fit_many`; coverage of a parameter is the
share of data sets whose 90 % interval holds its truth. Two widths are as 2 to 1, r = 0.6, where --r does not say
otherwise: r = 0 are equal widths. Split levels are 0.16 apart, four widths. The gas has a cluster of two levels and one
of one, and that with β free a pair.
"""

from __future__ import annotations

import argparse
from itertools import product
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
from rich.console import Console

import coulombfit as cf
from benchmarks.output import Sheet, machine, use_cores
from coulombfit.models import LIKELIHOODS, MODELS, Gas, Model
from coulombfit.runtime.precision import double_precision

CENTRE, SIGMA = 4.0, 0.04
ONE = {"centre": CENTRE, "sigma": SIGMA}
R = 0.6


def two_widths(r: float) -> dict[str, float]:
    """Truth of a model of two widths; of 0.04 and 0.02 where r = 0.6."""
    sigma_m = float(np.sqrt(0.001))
    widths = {"sigma_1": sigma_m * np.sqrt(1 + r), "sigma_2": sigma_m * np.sqrt(1 - r), "sigma_m": sigma_m}
    return {"centre": CENTRE, **widths, "r": r}


TRUTHS: dict[str, dict[str, float]] = {
    "gaussian": ONE,
    "one-species": ONE,
    "two-species": two_widths(R),
    "anisotropic": two_widths(R),
    "split-pair": {"centre": CENTRE, "split": 0.16, "sigma": SIGMA},
    "split-pair-two-widths": {"centre": CENTRE, "split": 0.16, "sigma_1": 0.02, "sigma_2": 0.04, "sigma_m": 0.001**0.5},
    "gas": {"centre[0]": CENTRE, "centre[1]": 2.0, "sigma[0]": SIGMA, "sigma[1]": 0.03},
    "gas-beta": {"centre[0]": CENTRE, "sigma[0]": SIGMA, "beta": 1.0},
}
RUNS = (3, 10, 30)
NOMINAL = (0.87, 0.93)


def data_sets(model: str, runs: int, sets: int, truth: dict[str, float] | None = None, seed: int = 0) -> np.ndarray:
    """So many data sets, drawn at the truth of a model from its law of all levels, shape (set, run, level)."""
    chosen: Model = Gas(sizes=(2, 1)) if model == "gas" else MODELS[model]
    clusters: dict[str, list[float]] = {}
    for name, value in (truth or TRUTHS[model]).items():
        clusters.setdefault(name.partition("[")[0], []).append(value)
    # parameters of a gas have one value a cluster
    levelled = isinstance(chosen, Gas)
    with double_precision():
        parameters = {n: jnp.array(v if levelled and n != "beta" else v[0]) for n, v in clusters.items()}
        law = chosen.simulate(chosen.likelihoods[0], parameters)
        return np.asarray(law.sample(jax.random.key(seed), (sets, runs)))


def fits(
    model: str, likelihood: str, runs: int, sets: int, truth: dict[str, float] | None = None, seed: int = 0
) -> cf.ManyFits:
    """Fits of these data sets."""
    targets = [CENTRE, CENTRE, 2.0] if model == "gas" else [CENTRE, CENTRE]
    data = [cf.Spectra(levels, targets=targets) for levels in data_sets(model, runs, sets, truth, seed)]
    return cf.fit_many(data, model, likelihood, progress=False)


def covered(table: pd.DataFrame, truth: dict[str, float]) -> pd.DataFrame:
    """Whether intervals hold the truth, a row a data set and a column a parameter, of :attr:`ManyFits.table`."""
    columns = {}
    # spacings know no centre
    known = set(table.index.get_level_values("parameter"))
    for name, value in ((name, value) for name, value in truth.items() if name in known):
        rows = table.xs(name, level="parameter")
        columns[name] = (rows["lower"] <= value) & (value <= rows["upper"])
    return pd.DataFrame(columns)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", type=int, default=500)
    parser.add_argument("--runs", type=int, nargs="+", default=RUNS)
    parser.add_argument("--models", nargs="+", default=list(TRUTHS))
    parser.add_argument("--likelihoods", nargs="+")
    parser.add_argument("--r", type=float, nargs="+", default=[R], help="of models of two widths")
    parser.add_argument("--cores", type=int, default=2)
    parser.add_argument("--markdown", type=Path)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    cores = use_cores(arguments.cores)
    error = 100 * np.sqrt(0.09 / arguments.sets)
    sheet = Sheet(
        f"Coverage of 90 % intervals in per cent, ± {error:.1f}, {arguments.sets} data sets each",
        ("model", "likelihood", "r", "runs", "coverage", "chains", "diagnosis"),
        [machine(cores)],
    )
    console = Console(stderr=True)
    for model, likelihood, runs, r in product(arguments.models, LIKELIHOODS, arguments.runs, arguments.r):
        taken = [one.name for one in MODELS[model].likelihoods]
        if likelihood not in taken or likelihood not in (arguments.likelihoods or LIKELIHOODS):
            continue
        several = "r" in TRUTHS[model]
        if not several and r != arguments.r[0]:
            continue
        truth = two_widths(r) if several else TRUTHS[model]
        with console.status(f"{model} {likelihood}: {runs} runs"):
            many = fits(model, likelihood, runs, arguments.sets, truth)
            share = covered(many.table, truth).mean()
        shown = ", ".join(f"{name} {100 * value:.1f}" for name, value in share.items())
        chains = int((many.fits["sampler"] == "nuts").sum())
        diagnosis = many.few.partition(":")[0].partition(",")[0]
        sheet.add(
            (model, likelihood, f"{r:g}" if several else "", str(runs), shown, str(chains), diagnosis),
            {"model": model, "likelihood": likelihood, "r": r if several else None, "runs": runs}
            | {"coverage": share.to_dict(), "chains": chains, "few": many.few},
        )
        console.print(*sheet.rows[-1])
    sheet.show()
    sheet.write(arguments.markdown, arguments.json)


if __name__ == "__main__":
    main()
