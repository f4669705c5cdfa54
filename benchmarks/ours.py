"""coulombfit at the same jobs, a row for each of its samplers."""

from __future__ import annotations

import time
from functools import partial

import numpy as np
import xarray as xr

import coulombfit as cf
from benchmarks.cases import Case
from benchmarks.measuring import Estimate, Measured, from_draws, repeat
from coulombfit.inference.draw import draw
from coulombfit.inference.fit import posterior_of
from coulombfit.inference.preparation import ask, prepare
from coulombfit.runtime.precision import double_precision
from coulombfit.samplers.settings import Sampling

DIMS = ("chain", "draw")
MANY = 100


def draws(case: Case, repeats: int, budget: float, sampler: str) -> Measured:
    """From levels to 4000 draws and the evidence, compression included: what its peers are timed for.

    Levels of a density count as independent, as with its peers.
    """
    likelihood = "density-raw" if case.likelihood == "density" else case.likelihood
    spectra = cf.Spectra(case.pairs())

    def fit(seed: int) -> Estimate:
        begin = time.perf_counter()
        with double_precision():
            question = ask(case.model, likelihood, sampler, Sampling(), seed)
            prepared = prepare(spectra, question)
            (drawn,) = draw(question, [prepared])
            took = time.perf_counter() - begin
            found = posterior_of(question, prepared, drawn)
        posterior = xr.Dataset({name: (DIMS, values) for name, values in found.items()})
        lost = int(np.sum(drawn.stats.get("diverging", 0)))
        remarks = [f"asked for {sampler}, got {drawn.sampler}"] if drawn.sampler != sampler else []
        remarks += [f"{lost} divergences"] if lost else []
        estimate = from_draws(_named(posterior), "; ".join(remarks))
        if drawn.sampler == "laplace":
            # draws that are independent but for being weighted: their worth is that of the weights
            estimate.ess = min(drawn.integral.effective, drawn.points.shape[0] * drawn.points.shape[1])
        estimate.seconds = took
        return estimate

    return repeat(fit, repeats=repeats, budget=budget)


def whole_fit(case: Case, repeats: int, budget: float, sampler: str) -> Measured:
    """``cf.fit`` to a whole Fit, with corrected intervals, predictions and log likelihoods: what its users wait for."""
    pairs = case.pairs()

    def fit(seed: int) -> Estimate:
        begin = time.perf_counter()
        found = cf.fit(pairs, case.model, case.likelihood, sampler=sampler, seed=seed, progress=False)
        took = time.perf_counter() - begin
        posterior = _named(found.tree["posterior"].to_dataset())
        estimate = from_draws(posterior, "" if found.diagnosis.passed else found.diagnosis.verdict)
        estimate.seconds = took
        return estimate

    return repeat(fit, repeats=repeats, budget=budget)


def many(case: Case, repeats: int, budget: float, together: bool) -> Measured:
    """MANY spectra by importance sampling, in one call of ``fit_many`` or one after the other."""
    spectra = [case.pairs(1 + k) for k in range(MANY)]

    def fit(seed: int) -> Estimate:
        begin = time.perf_counter()
        if together:
            found = cf.fit_many(spectra, case.model, case.likelihood, seed=seed, progress=False)
            posterior = found.tree["posterior"].to_dataset().isel(spectrum=0)
            bad = found.verdict if not found.fits["converged"].all() else ""
        else:
            options = {"sampler": "laplace", "seed": seed, "progress": False}
            fits = [cf.fit(pairs, case.model, case.likelihood, **options) for pairs in spectra]
            posterior = fits[0].tree["posterior"].to_dataset()
            bad = next((one.diagnosis.verdict for one in fits if not one.diagnosis.passed), "")
        took = time.perf_counter() - begin
        estimate = from_draws(_named(posterior), bad)
        estimate.ess = None
        estimate.seconds = took
        return estimate

    return repeat(fit, repeats=repeats, budget=budget)


def _named(posterior: xr.Dataset) -> xr.Dataset:
    return posterior.rename({"sigma" if "sigma" in posterior else "sigma_m": "width"})


TOOLS = {
    "coulombfit, laplace": partial(draws, sampler="laplace"),
    "coulombfit, nuts": partial(draws, sampler="nuts"),
    "coulombfit, whole fit, laplace": partial(whole_fit, sampler="laplace"),
    "coulombfit, whole fit, nuts": partial(whole_fit, sampler="nuts"),
    f"coulombfit, fit_many of {MANY}": partial(many, together=True),
    f"coulombfit, {MANY} calls of fit": partial(many, together=False),
}


def takes_part(tool: str, case: Case) -> bool:
    """Whether the tool is used for such a case: many only where there are peers, to keep the whole within minutes."""
    return str(MANY) not in tool or (case.data == case.usual and case.model != "anisotropic")
