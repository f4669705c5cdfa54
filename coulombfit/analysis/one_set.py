"""One set of data of an analysis: fitted, compared and checked; then rendered."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from typing import Any

import coulombfit as cf
from coulombfit.analysis.plan import Analysis, Data
from coulombfit.analysis.store import file_stem, table_rows
from coulombfit.checks.fits.evidence import has_evidence
from coulombfit.checks.inferred import FEWEST
from coulombfit.checks.spectra.guessed_pairs import GuessedPair, ask_guessed_pairs
from coulombfit.inference.given import doubts_about
from coulombfit.models import find_model
from coulombfit.report import part_of_data

__all__ = ["Found", "fit_and_check", "render"]


@dataclass(frozen=True)
class Found:
    """Fits and checks of one set of data; None for a check that was not asked for."""

    spectra: cf.Spectra
    fits: dict[str, cf.Fit]
    files: dict[str, str]
    chosen: str
    comparison: cf.Comparison | None
    consistency: cf.Consistency | None
    moments: cf.Moments | None
    predictive: dict[str, cf.PredictiveCheck]
    guessed: tuple[GuessedPair, ...] = ()


def fit_and_check(
    analysis: Analysis, name: str, data: Data, spectra: cf.Spectra, begin: Callable[[str], None]
) -> Found:
    """Fit every model and save it, compare, check.

    :param begin: called with what comes next, len(models) + 2 times.
    """
    wanted, checks, seed = analysis.fit, analysis.checks, analysis.seed
    of_pairs = find_model(wanted.models[0], wanted.likelihood)[1].of_pairs
    seen = spectra.pair(data.pair) if of_pairs else spectra
    fits, files = {}, {}
    for model in wanted.models:
        begin(f"{name}: fitting {model}, compiling where it is new …")
        asked: dict[str, Any] = {"sampler": wanted.sampler, "seed": seed, "progress": False}
        fits[model] = cf.fit(seen, model, wanted.likelihood, **wanted.stated, **asked)
        files[model] = f"fits/{file_stem(name)}.{model}.nc"
        fits[model].save(analysis.out_folder / files[model])
    begin(f"{name}: comparing models")
    comparison = None
    if len(fits) > 1:
        evidence = cf.evidence(fits, seed=seed, progress=False) if has_evidence(fits) else None
        comparison = cf.compare(fits, evidence=evidence)
    chosen = comparison.winner if comparison is not None else next(iter(fits))
    begin(f"{name}: checks")
    consistency, moments, predictive = None, None, {}
    if checks.consistency and of_pairs:
        # a costly law, the anisotropic pair's, takes longer than all else together: only the chosen one is checked
        surmised = {name: fit.model for name, fit in fits.items() if fit.model.surmise}
        laws = [name for name, model in surmised.items() if not model.costly or name == chosen]
        consistency = cf.width_consistency(seen, models=laws, seed=seed, progress=False) if laws else None
    if checks.moments and of_pairs and seen.runs >= FEWEST:
        moments = cf.moments(seen, seed=seed)
    if checks.predictive and of_pairs:
        predictive[chosen] = cf.predictive(fits[chosen], seed=seed)
    guessed = ask_guessed_pairs(spectra, seed=seed, first=_columns(spectra, data.pair)) if checks.degeneracy else ()
    return Found(seen, fits, files, chosen, comparison, consistency, moments, predictive, guessed)


def _columns(spectra: cf.Spectra, pair: int) -> list[int]:
    """Those of the k-th pair; none where there is no such pair, and levels are fitted otherwise."""
    return next(islice((cluster for cluster in spectra.clusters if len(cluster) == 2), pair, None), [])


def render(name: str, found: Found) -> dict[str, Any]:
    """JSON values: its part of the report, its results, and the files that belong to them."""
    part = part_of_data(
        name,
        found.fits,
        comparison=found.comparison,
        consistency=found.consistency,
        moments=found.moments,
        predictive=found.predictive,
        guessed=found.guessed,
    )
    seen = found.spectra
    results = {
        "winner": found.chosen,
        "verdicts": [verdict.text for verdict in part.verdicts],
        "converged": all(fit.diagnosis.passed for fit in found.fits.values()),
        "describes": found.fits[found.chosen].description.answer,
        "doubtful": doubts_about(found.fits[found.chosen].record.data),
        "stationarity": seen.provenance.get("stationarity"),
        "learning_rate": seen.learning_rate,
        "batch_size": seen.batch_size,
        "runs": seen.runs,
        "guessed_pairs": [
            {
                "levels": list(one.levels),
                "taken": one.taken,
                "answer": None if one.found is None else one.found.answer.value,
                "log_bayes_factor": None if one.found is None else one.found.log_bayes_factor,
                "verdict": one.verdict,
            }
            for one in found.guessed
        ],
        "fits": {
            model: {
                "file": found.files[model],
                "converged": fit.diagnosis.passed,
                "describes": fit.description.answer,
                "parameters": table_rows(fit.table()),
            }
            for model, fit in found.fits.items()
        },
    }
    return {"part": part.to_json(), "results": results, "files": [f"../../{file}" for file in found.files.values()]}
