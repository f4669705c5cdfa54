"""The scaling rule over all sets of data of an analysis: what it takes, what it finds, and figures of all settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from coulombfit.analysis.plan import Analysis, Data
from coulombfit.analysis.store import table_rows
from coulombfit.runtime.errors import DataError

__all__ = ["check_rule", "infer_rule"]


def check_rule(analysis: Analysis, spectra: Mapping[str, Any]) -> None:
    """Refuse, where the rule is to be inferred, sets whose levels are grouped unlike each other, and settings that it
    cannot predict.

    :param spectra: all levels of every set, by its name.
    :raises DataError: naming the sets.
    :raises ArgumentError: naming the setting.
    """
    from coulombfit.checks.settings.new_settings import require_predictable
    from coulombfit.data.one_grouping import one_grouping

    if _why_not(analysis, spectra):
        return
    require_predictable(analysis.scaling.new_settings, spectra.values(), curvature=analysis.scaling.curvature)
    try:
        one_grouping(list(spectra.values()))
    except DataError as error:
        raise DataError(f"{error}; enabled = false under [scaling] goes without the rule") from None


def infer_rule(
    analysis: Analysis,
    sets: Mapping[str, tuple[Data, list[Path]]],
    spectra: Mapping[str, Any],
    kept: Mapping[str, Any],
) -> dict[str, Any]:
    """The rule as JSON values: its part of the report, its results and files; or why there is none.

    :param spectra: all levels of every set, by its name.
    :param kept: what was found of every set, by its name.
    """
    import coulombfit as cf
    from coulombfit.checks.settings.new_settings import predict_settings
    from coulombfit.report import part_of_scaling
    from coulombfit.runtime.atomic_files import write_netcdf

    reason = _why_not(analysis, spectra)
    if not reason:
        try:
            options = analysis.scaling.model_dump(exclude={"enabled", "predict"})
            scaling = cf.scaling(list(spectra.values()), **options, seed=analysis.seed, progress=False)
        except ValueError as error:
            reason = str(error)
    if reason:
        return {"files": [], "part": None, "results": {"verdict": f"not run: {reason}", "converged": True}}
    predicted = predict_settings(scaling, analysis.scaling.new_settings, seed=analysis.seed)
    write_netcdf(scaling.tree, analysis.out_folder / "scaling.nc")
    chi_squared = scaling.chi_squared
    results = {
        "verdict": scaling.verdict,
        "converged": scaling.diagnosis.passed,
        "file": "scaling.nc",
        "answer": scaling.answer.value,
        "parameters": table_rows(scaling.table),
        "rule": table_rows(scaling.rule),
        "chi_squared": None if chi_squared is None else asdict(chi_squared),
        "predicted": [one.to_json() for one in predicted],
    }
    pictures, left_out = _draw_study(analysis, sets, spectra, kept)
    part = part_of_scaling(scaling, pictures, predicted, left_out)
    return {"files": ["../scaling.nc"], "part": part.to_json(), "results": results}


def _why_not(analysis: Analysis, spectra: Mapping[str, Any]) -> str:
    """Why no rule is to be inferred; empty where one is."""
    settings = {(one.learning_rate, one.batch_size) for one in spectra.values()}
    if not analysis.scaling.enabled:
        return "switched off"
    if any(None in setting for setting in settings):
        return "a learning rate or batch size is not known"
    return "it takes settings that differ in learning rate or batch size" if len(settings) < 2 else ""


def _draw_study(
    analysis: Analysis,
    sets: Mapping[str, tuple[Data, list[Path]]],
    spectra: Mapping[str, Any],
    kept: Mapping[str, Any],
) -> tuple[list[Any], str]:
    """Figures of the pair of all settings, in order of noise, with the best model of each; and why there are none, or
    what is not in them."""
    import coulombfit as cf
    from coulombfit.data.same_pair import same_pair
    from coulombfit.report.pictures import draw_study

    places = {data.pair for data, _ in sets.values()}
    if len(places) > 1:
        return [], "No figures of all settings side by side: another pair was taken of each."
    order = sorted(spectra, key=lambda name: spectra[name].learning_rate / spectra[name].batch_size)
    try:
        pairs = same_pair([spectra[name] for name in order], places.pop())
    except DataError as error:
        return [], f"No figures of all settings side by side: {error}."
    fits = {}
    for name in order:
        found = kept[name]["results"]
        fit = cf.Fit.load(analysis.out_folder / found["fits"][found["winner"]]["file"])
        if fit.observed_by.of_pairs and fit.observations.ndim == 2:
            fits[name] = fit
    without = [
        f"{name} ({fit.model.name})"
        for name, fit in fits.items()
        if not (fit.model.surmise and fit.model.offers("density"))
    ]
    told = f"In some figures there is nothing of {', '.join(without)}, whose model has no surmise or no density."
    return draw_study(pairs, fits), told if without else ""
