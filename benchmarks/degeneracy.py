"""How often ``cf.degeneracy`` says yes and no, by the split of a pair in widths and the number of runs.

    python -m benchmarks.degeneracy [--datasets 60] [--runs 30 100 300 1000] [--splits 0 0.5 1 2 4]

Every cell is "degenerate / split": shares of the data sets with either answer; the rest cannot tell. At a split of 0
"split" is wrong, from the margin of one width on "degenerate" is.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator

import jax
import numpy as np

import coulombfit as cf
from coulombfit.answers.answer import Answer
from coulombfit.runtime.precision import double_precision

SPLITS = (0.0, 0.5, 1.0, 2.0, 4.0)
RUNS = (30, 100, 300, 1000)


def data_sets(split: float, runs: int, count: int, seed: int = 0) -> np.ndarray:
    """So many data sets of a pair with σ = 1, shape (set, run, 2); ``split`` in widths."""
    with double_precision():
        law = cf.laws.SplitPair(40.0, split, 1.0)
        return np.asarray(law.sample(jax.random.key(seed), (count, runs)))


def answers(split: float, runs: int, count: int, seed: int = 0) -> Iterator[Answer]:
    """What is said of each."""
    for pairs in data_sets(split, runs, count, seed):
        yield cf.degeneracy(pairs, seed=seed, progress=False).answer


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--datasets", type=int, default=60)
    parser.add_argument("--runs", type=int, nargs="+", default=RUNS)
    parser.add_argument("--splits", type=float, nargs="+", default=SPLITS)
    arguments = parser.parse_args()
    print("| δ/σ |", " | ".join(f"{runs} runs" for runs in arguments.runs), "|")
    print("|---|" + "---|" * len(arguments.runs))
    for split in arguments.splits:
        cells = []
        for runs in arguments.runs:
            said = list(answers(split, runs, arguments.datasets))
            shares = [said.count(answer) / len(said) for answer in (Answer.YES, Answer.NO)]
            cells.append(" / ".join(f"{share:.0%}" for share in shares))
        print(f"| {split:g} |", " | ".join(cells), "|", flush=True)


if __name__ == "__main__":
    main()
