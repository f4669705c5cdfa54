"""Fits as several commands make them, and as JSON says them."""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite
from pathlib import Path
from typing import Any

import coulombfit as cf

__all__ = ["fit_and_compare", "fit_for_json"]


def fit_for_json(fit: cf.Fit, path: Path) -> dict[str, Any]:
    """A fit as values for JSON: its parameters and checks, and the file that it is in."""
    from coulombfit.inference.given import given_for_json

    return {
        "model": fit.model.name,
        "likelihood": fit.likelihood,
        "file": path,
        "data": given_for_json(fit.record.data),
        "parameters": fit.table(),
        "converged": fit.diagnosis.passed,
        "describes": fit.description.answer,
        "checks": {
            check.name: {"value": check.value if isfinite(check.value or 0) else None, "status": check.status}
            for check in fit.diagnosis.checks
        },
    }


def fit_and_compare(
    spectra: cf.Spectra | cf.Trajectories,
    paths: Mapping[str, Path],
    likelihood: str | None,
    sampler: str,
    seed: int,
    quiet: bool,
    **stated: Any,
) -> tuple[dict[str, cf.Fit], cf.Comparison]:
    """Fit every model, with the priors and values given, save each where ``paths`` say, compare."""
    from coulombfit.checks.fits.evidence import has_evidence
    from coulombfit.runtime.progress import steps

    fits: dict[str, cf.Fit] = {}
    with steps(len(paths) + 1, show=False if quiet else None) as begin:
        for model, path in paths.items():
            begin(f"fitting {model}, compiling …")
            fits[model] = cf.fit(spectra, model, likelihood, **stated, sampler=sampler, seed=seed, progress=False)
            fits[model].save(path)
        begin("comparing models")
        return fits, cf.compare(fits, evidence=cf.evidence(fits, progress=False) if has_evidence(fits) else None)
