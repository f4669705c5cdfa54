"""coulombfit at the same jobs, a row for each of its samplers."""

from __future__ import annotations

import time
from collections.abc import Callable

import coulombfit as cf
from benchmarks.cases import Case
from benchmarks.measuring import Estimate, Measured, from_draws, repeat
from coulombfit.sampler import SAMPLERS


def ours(model: str, likelihood: str, sampler: str) -> Callable[[Case, int, float], Measured]:
    """``cf.fit`` from data to a whole Fit, with predictions and log-likelihoods: what its users wait for."""

    def measure(case: Case, repeats: int, budget: float) -> Measured:
        pairs = case.pairs()

        def fit(seed: int) -> Estimate:
            begin = time.perf_counter()
            found = cf.fit(pairs, model, likelihood, sampler=sampler, seed=seed, progress=False)
            took = time.perf_counter() - begin
            posterior = found.tree["posterior"].to_dataset()
            posterior = posterior.rename({"sigma" if "sigma" in posterior else "sigma_m": "width"})
            estimate = from_draws(posterior, "" if found.diagnosis.passed else found.diagnosis.verdict)
            estimate.seconds = took
            return estimate

        return repeat(fit, repeats=repeats, budget=budget)

    return measure


def measure(case: Case, repeats: int, budget: float, sampler: str) -> Measured:
    return ours(case.model, case.likelihood, sampler)(case, repeats, budget)


NAMES = {f"coulombfit, {sampler}": sampler for sampler in SAMPLERS}
