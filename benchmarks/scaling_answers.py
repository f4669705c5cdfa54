"""How often `cf.scaling` says yes, no, or that the data cannot tell: where the rule holds, and where it does not.

    python -m benchmarks.scaling_answers [--sets 200]

Every data set is a degenerate pair of one species in each setting, of 100 to 3000 runs where a case does not say
otherwise, with σ = 0.05 √(s^b_α / |B|^b_B) exp(τ ε), s = α/(1 − αΩ/2).
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass

import numpy as np

import coulombfit as cf
from coulombfit.answers.answer import Answer

SIX = tuple((rate, batch) for rate in (0.05, 0.1, 0.2) for batch in (16, 64))
THREE = ((0.1, 16), (0.2, 16), (0.4, 16))
FOUR = ((0.1, 4), *THREE)
LONG = ((0.1, 16), (0.2, 16), (0.4, 16), (0.8, 16), (1.2, 16), (1.6, 16))
# one of those of the public data stands twice, with half the noise of the teacher
PUBLIC = ((0.1, 4), (0.1, 8), (0.1, 16), (0.1, 16), (0.1, 32), (0.1, 64), (0.2, 16), (0.4, 16))


@dataclass(frozen=True)
class Case:
    """What is true of the widths, and how many runs there are of each."""

    name: str
    settings: tuple[tuple[float, int], ...]
    scatter: float
    curvature: float = 0.0
    b_rate: float = 1.0
    b_batch: float = 1.0
    runs: int | None = None

    def data_set(self, rng: np.random.Generator) -> list[cf.Spectra]:
        """One data set."""
        runs = self.runs or round(np.exp(rng.uniform(np.log(100), np.log(3000))))
        spectra = []
        for rate, batch in self.settings:
            step = rate / (1 - 0.5 * rate * self.curvature)
            sigma = 0.05 * np.sqrt(step**self.b_rate / batch**self.b_batch) * np.exp(self.scatter * rng.normal())
            half = sigma * rng.rayleigh(size=runs) / np.sqrt(2)
            middle = 4.0 + sigma * rng.standard_normal(runs) / np.sqrt(2)
            levels = np.stack([middle + half, middle - half], axis=1)
            spectra.append(cf.Spectra(levels, rate, batch, targets=[4.0, 4.0]))
        return spectra


CASES = (
    Case("rule holds, 6 settings, α to 0.2 (αΩ to 0.2), τ = 2 %", SIX, 0.02, curvature=1.0),
    Case("rule holds, 3 settings, τ = 5 %", THREE, 0.05),
    Case("rule holds, settings of the public data, Ω = 1, τ = 6 %", PUBLIC, 0.06, curvature=1.0),
    Case("the same, τ = 0.5 %", PUBLIC, 0.005, curvature=1.0),
    Case("rule holds, 6 values of α to 1.6, Ω = 1, τ = 2 %", LONG, 0.02, curvature=1.0),
    Case("both exponents 1/2, 6 settings, τ = 2 %", SIX, 0.02, b_rate=0.5, b_batch=0.5),
    Case("rule holds, 3 settings of 6 runs", THREE, 0.0, runs=6),
    Case("rule holds, 4 settings, τ = 30 %", FOUR, 0.3),
    Case("b_α = 3/2, 6 values of α to 1.6, Ω = 1, τ = 2 %", LONG, 0.02, curvature=1.0, b_rate=1.5),
    Case("b_α = 1/2, the same", LONG, 0.02, curvature=1.0, b_rate=0.5),
)


def answers(case: Case, sets: int) -> list[Answer]:
    """The answer of each data set."""
    rng = np.random.default_rng(0)
    return [cf.scaling(case.data_set(rng), sampler="laplace", progress=False).answer for _ in range(sets)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", type=int, default=200)
    sets = parser.parse_args().sets
    print(f"Of {sets} simulated data sets each:\n\n| truth | yes | cannot tell | no |\n|---|---|---|---|")
    for case in CASES:
        found = answers(case, sets)
        counts = [found.count(one) for one in (Answer.YES, Answer.CANNOT_TELL, Answer.NO)]
        print(f"| {case.name} | {' | '.join(map(str, counts))} |", flush=True)


if __name__ == "__main__":
    main()
