"""Other people's tools for the same job: histograms, iminuit, emcee, PyMC with nutpie. Each is optional.

Those without priors work in the units of the data; the Bayesian ones have this package's priors and standardised data.
A density is fitted as if levels were independent: these tools do not correct for the repulsion.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

import numpy as np
import xarray as xr

from benchmarks.cases import Case
from benchmarks.likelihoods import IN_NUMPY, compiled
from benchmarks.measuring import Estimate, Measured, from_draws, repeat
from coulombfit.models.base import CENTRE_SD, LOG_WIDTH_SD
from coulombfit.models.units import Standardisation

BINS, BLOCKS = 60, 100
WALKERS, CHUNK, BURN_IN, ENOUGH = 32, 50, 250, 400.0

Tool = Callable[[Case, int, float], Measured]
"""``tool(case, repeats, budget)``."""


def histogram(case: Case, repeats: int, budget: float) -> Measured:
    """curve_fit to a normalised histogram, errors by a jackknife over blocks of levels."""
    from scipy.optimize import curve_fit

    law = IN_NUMPY[case.model, case.likelihood]
    levels = case.observed()
    edges = np.histogram_bin_edges(levels, BINS)
    middle = 0.5 * (edges[1:] + edges[:-1])
    width = np.diff(edges)[0]

    def estimate(counts: np.ndarray) -> np.ndarray:
        total = counts.sum()
        error = np.sqrt(np.maximum(counts, 1.0)) / (total * width)
        mean = (counts * middle).sum() / total
        start = (mean, np.sqrt((counts * (middle - mean) ** 2).sum() / total / 1.5))
        found, _ = curve_fit(lambda x, *p: np.exp(law(x, *p)), middle, counts / (total * width), start, error)
        return found

    def fit(seed: int) -> Estimate:
        order = np.random.default_rng(seed).permutation(len(levels))
        counts = np.stack([np.histogram(block, edges)[0] for block in np.array_split(levels[order], BLOCKS)])
        total = counts.sum(axis=0)
        found = estimate(total)
        left_out = np.stack([estimate(total - block) for block in counts])
        error = np.sqrt((BLOCKS - 1) * left_out.var(axis=0))
        return Estimate(found[0], error[0], abs(found[1]), error[1], remark=f"{BINS} bins, {BLOCKS} blocks")

    return repeat(fit, repeats=repeats, budget=budget)


def iminuit(case: Case, repeats: int, budget: float, *, numba: bool) -> Measured:
    """The unbinned likelihood: MIGRAD, HESSE, MINOS."""
    from iminuit import Minuit

    data = case.observed()
    if numba:
        total = compiled(case.model, case.likelihood)
    else:
        law = IN_NUMPY[case.model, case.likelihood]

        def total(x: np.ndarray, *parameters: float) -> float:
            return law(x, *parameters).sum()

    def fit(seed: int) -> Estimate:
        names = ("sigma_1", "sigma_2") if case.two_species else ("sigma",)
        width = data.std() / np.sqrt(1.5)
        start = np.array([data.mean(), *(width * f for f in ((1.2, 0.7) if case.two_species else (1.0,)))])
        minuit = Minuit(lambda p: -total(data, *p), start, name=("centre", *names))
        minuit.errordef = Minuit.LIKELIHOOD
        minuit.errors = width / np.sqrt(len(data))
        for name in names:
            minuit.limits[name] = (1e-3 * width, None)
        minuit.migrad()
        minuit.hesse()
        bad = [] if minuit.valid else ["no valid minimum"]
        if minuit.valid:
            minuit.minos()
            bad += [f"MINOS failed: {name}" for name, error in minuit.merrors.items() if not error.is_valid]
        bad += [] if minuit.accurate else ["covariance not accurate"]
        found = np.array(minuit.values)
        sigma_m = float(np.sqrt(np.mean(found[1:] ** 2)))
        slope = np.r_[0.0, found[1:] / (sigma_m * len(names))]
        covariance = np.full((len(found),) * 2, np.nan) if minuit.covariance is None else np.array(minuit.covariance)
        error = float(np.sqrt(slope @ covariance @ slope))
        remark = "; ".join(bad) or f"{minuit.nfcn} calls"
        return Estimate(float(found[0]), minuit.errors["centre"], sigma_m, error, remark=remark)

    return repeat(fit, repeats=repeats, budget=budget)


def emcee(case: Case, repeats: int, budget: float) -> Measured:
    """Walkers of the posterior, all at a time, until the least bulk ESS with walkers as chains is enough."""
    from emcee import EnsembleSampler

    z, unit = case.standardised()
    law = IN_NUMPY[case.model, "density"] if case.likelihood == "density" else _pairs_of_walkers(z)

    def log_posterior(p: np.ndarray) -> np.ndarray:
        centre, log_width, q = p.T
        inside = np.abs(q) < 1
        safe, sigma_m = np.where(inside, q, 0.0), np.exp(log_width)
        widths = (column[:, None] for column in (sigma_m * np.sqrt(1 + safe), sigma_m * np.sqrt(1 - safe)))
        prior = -0.5 * (centre / CENTRE_SD) ** 2 - 0.5 * (log_width / LOG_WIDTH_SD) ** 2
        return np.where(inside, law(z, centre[:, None], *widths).sum(axis=1) + prior, -np.inf)

    def fit(seed: int) -> Estimate:
        rng = np.random.default_rng(seed)
        # near what the moments say, as its users start it
        state = np.array([0.0, np.log(1 / np.sqrt(1.5)), 0.4]) + 0.05 * rng.standard_normal((WALKERS, 3))
        sampler = EnsembleSampler(WALKERS, 3, log_posterior, vectorize=True)
        sampler.random_state = np.random.RandomState(seed).get_state()  # emcee's own kind
        took, estimate = 0.0, None
        for length in (BURN_IN + CHUNK, *[CHUNK] * 1000):
            begin = time.perf_counter()
            state = sampler.run_mcmc(state, length)
            took += time.perf_counter() - begin
            drawn = sampler.get_chain(discard=BURN_IN)
            estimate = from_draws(_dataset(np.moveaxis(drawn, 0, 1), unit), f"{sampler.iteration} steps")
            if estimate.ess is not None and estimate.ess >= ENOUGH:
                break
        estimate.seconds = took
        return estimate

    return repeat(fit, repeats=repeats, budget=budget)


def _pairs_of_walkers(z: np.ndarray) -> Callable[..., np.ndarray]:
    """The law of a pair for parameters of shape (walker, 1)."""
    columns = z.T[:, None, :]

    def law(_: np.ndarray, centre: np.ndarray, sigma_1: np.ndarray, sigma_2: np.ndarray) -> np.ndarray:
        first, second = (columns[0] - centre) ** 2, (columns[1] - centre) ** 2
        half_1, half_2 = 0.5 / sigma_1**2, 0.5 / sigma_2**2
        labelled = np.logaddexp(-half_1 * first - half_2 * second, -half_2 * first - half_1 * second)
        sigma_m = np.sqrt(0.5 * (sigma_1**2 + sigma_2**2))
        return labelled - np.log(sigma_1 * sigma_2 * sigma_m)

    return law


def _dataset(drawn: np.ndarray, unit: Standardisation) -> xr.Dataset:
    """Reported parameters from draws of centre, ln σ_m and q, shape (chain, draw, 3)."""
    dims = ("chain", "draw")
    reported = {
        "centre": unit.undo(drawn[..., 0]),
        "width": unit.scale * np.exp(drawn[..., 1]),
        "r": abs(drawn[..., 2]),
    }
    return xr.Dataset({name: (dims, values) for name, values in reported.items()})


def nutpie(case: Case, repeats: int, budget: float, *, backend: str) -> Measured:
    """PyMC's model, compiled and sampled by nutpie: its own defaults but for the number of draws."""
    import nutpie as sampler

    from benchmarks.pymc_models import build

    z, unit = case.standardised()
    begin = time.perf_counter()
    model = build(case, z)
    compiled_model = sampler.compile_pymc_model(model, backend=backend)
    preparation = time.perf_counter() - begin

    def fit(seed: int) -> Estimate:
        begin = time.perf_counter()
        trace = sampler.sample(compiled_model, draws=1000, chains=4, cores=2, seed=seed, progress_bar=False)
        took = time.perf_counter() - begin
        drawn = {name: trace.posterior[name].to_numpy() for name in trace.posterior.data_vars}
        dims = ("chain", "draw")
        reported = {"centre": unit.undo(drawn["centre"]), "width": unit.scale * drawn["width"]}
        reported |= {"r": abs(drawn["q"])} if "q" in drawn else {}
        lost = int(trace.sample_stats["diverging"].sum())
        posterior = xr.Dataset({name: (dims, values) for name, values in reported.items()})
        estimate = from_draws(posterior, f"{lost} divergences" if lost else "")
        estimate.seconds = took
        return estimate

    return repeat(fit, repeats=repeats, budget=budget, preparation=preparation)


TOOLS: dict[str, Tool] = {
    "histogram, curve_fit, jackknife": histogram,
    "iminuit, NumPy": partial(iminuit, numba=False),
    "iminuit, numba": partial(iminuit, numba=True),
    "emcee, 32 walkers": emcee,
    "PyMC, nutpie, numba": partial(nutpie, backend="numba"),
    "PyMC, nutpie, JAX": partial(nutpie, backend="jax"),
}


def takes_part(tool: str, case: Case) -> bool:
    """Whether the tool is used for such a case."""
    if case.model == "anisotropic":
        return False
    if tool.startswith("histogram"):
        return case.model == "one-species" and case.likelihood == "density"
    return case.two_species if tool.startswith("emcee") else True
