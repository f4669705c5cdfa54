"""How often a fit says that its law does not describe the data: where it does, and where it does not.

python -m benchmarks.description [--datasets 200]
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

import jax
import numpy as np

import coulombfit as cf
from coulombfit.answers.answer import Answer
from simulators import ensembles

Sample = Callable[[int, int], np.ndarray]


def two_levels(runs: int, seed: int) -> np.ndarray:
    """No repulsion."""
    return np.sort(np.random.default_rng(seed).normal(4.0, 0.05, (runs, 2)), axis=1)[:, ::-1]


def split(runs: int, seed: int) -> np.ndarray:
    """Levels with centres of their own, three widths apart."""
    return np.random.default_rng(seed).normal([0.293, 0.240], [0.019, 0.017], (runs, 2))


def anisotropic(runs: int, seed: int) -> np.ndarray:
    """As students with a hidden layer have it (Eq. 26)."""
    with jax.enable_x64(True):
        return np.asarray(cf.laws.AnisotropicPair(4.0, 0.106, 0.0098).sample(jax.random.key(seed), (runs,)))


LAWS: dict[str, Sample] = {
    "one-species": lambda runs, seed: ensembles.one_species(centre=4.0, sigma=0.05, runs=runs, seed=seed),
    "two-species": lambda runs, seed: ensembles.two_species(
        centre=4.0, sigma_1=0.06, sigma_2=0.03, runs=runs, seed=seed
    ),
    "anisotropic": anisotropic,
    "no repulsion": two_levels,
    "split": split,
}
CASES = [
    ("one-species", "one-species", "pair"),
    ("one-species", "one-species", "density"),
    ("one-species", "one-species", "spacing"),
    ("gaussian", "no repulsion", "pair"),
    ("two-species", "two-species", "pair"),
    ("anisotropic", "anisotropic", "pair"),
    ("gas", "one-species", "levels"),
    ("one-species", "no repulsion", "pair"),
    ("gaussian", "one-species", "pair"),
    ("one-species", "anisotropic", "pair"),
    ("two-species", "anisotropic", "pair"),
    ("one-species", "two-species", "pair"),
    ("one-species", "split", "pair"),
]


def rate_of_no(model: str, law: str, likelihood: str, runs: int, datasets: int) -> float:
    """Share of data sets of which the fit says no."""
    sampling = cf.Sampling(chains=4, draws=250)
    said = [
        cf.fit(
            LAWS[law](runs, seed), model, likelihood, sampler="laplace", sampling=sampling, seed=seed, progress=False
        ).description.answer
        for seed in range(datasets)
    ]
    return said.count(Answer.NO) / datasets


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--datasets", type=int, default=200)
    parser.add_argument("--runs", type=int, nargs="+", default=[30, 100, 300, 1000])
    arguments = parser.parse_args()
    print("| fitted | data | likelihood |", " | ".join(f"{n} runs" for n in arguments.runs), "|")
    print("|---|---|---|" + "---|" * len(arguments.runs))
    for model, law, likelihood in CASES:
        rates = [rate_of_no(model, law, likelihood, n, arguments.datasets) for n in arguments.runs]
        print(f"| {model} | {law} | {likelihood} |", " | ".join(f"{rate:.3f}" for rate in rates), "|", flush=True)


if __name__ == "__main__":
    main()
