"""From a plan to fits, checks and one report; what has not changed since the last time is not done again."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from coulombfit.analysis.folder import claim_folder, mark_owner
from coulombfit.analysis.plan import Analysis, Data
from coulombfit.analysis.scaling_rule import check_rule, infer_rule
from coulombfit.analysis.store import digest, file_stem, key_of, recall, remember
from coulombfit.answers.answer import Answer
from coulombfit.runtime.atomic_files import is_part_of, require_writable
from coulombfit.runtime.errors import ArgumentError, DataError
from coulombfit.runtime.progress import steps

__all__ = ["Outcome", "run"]

RULE, PAGE = "kept/scaling.json", "kept/report.json"


@dataclass(frozen=True)
class Outcome:
    """What an analysis has found.

    ``sets`` has the results of each set of data by name, and ``scaling`` those of the rule, JSON values; ``done`` says
    which were computed now, and not before.
    """

    report: Path
    sets: dict[str, dict[str, Any]]
    scaling: dict[str, Any]
    done: tuple[str, ...]

    @property
    def converged(self) -> bool:
        """Whether every fit has."""
        return all(one["converged"] for one in [*self.sets.values(), self.scaling])

    @property
    def described(self) -> bool:
        """Whether there is no set of data that its best model does not describe."""
        return all(one["describes"] != Answer.NO for one in self.sets.values())

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        return {
            "report": str(self.report),
            "converged": self.converged,
            "described": self.described,
            "computed": list(self.done),
            "sets": self.sets,
            "scaling": self.scaling,
        }


def run(analysis: Analysis, *, again: bool = False, overwrite: bool = False, progress: bool | None = None) -> Outcome:
    """Carry out an analysis.

    Results go to its folder: fits (fits/NAME.MODEL.nc), the draws of the rule (scaling.nc), ``report.html`` and
    ``results.json``. One process at a time works there.

    :param again: compute even what has not changed.
    :param overwrite: take over a folder of another analysis, or one with a report or results of another origin.
    :param progress: show what is being done; by default where stderr is a terminal.
    :raises FileNotFoundError: for files that are not there.
    :raises ArgumentError: where what it writes would overwrite a file that it reads, or the results of another
        analysis; where another process is at work in its folder.
    :raises ValueError: for a name that is none, or a combination that does not exist.
    :raises DataError: for data that cannot be read or that no law can describe, and where the scaling rule is to be
        inferred of sets whose levels are grouped unlike each other; before anything is computed.
    """
    sets = analysis.sets()
    _spare_inputs(analysis, sets)
    with claim_folder(analysis.out_folder, analysis.name, overwrite=overwrite, plan=analysis.source):
        return _run(analysis, sets, again, progress)


def _run(
    analysis: Analysis, sets: Mapping[str, tuple[Data, list[Path]]], again: bool, progress: bool | None
) -> Outcome:
    out = analysis.out_folder
    keys = {name: _key(analysis, *one) for name, one in sets.items()}
    kept = {name: None if again else recall(_results_path(out, name), key) for name, key in keys.items()}
    rule_key = key_of(keys, analysis.scaling.model_dump(), analysis.seed)
    rule = None if again else recall(out / RULE, rule_key)
    changed = [name for name, one in kept.items() if one is None]
    spectra: dict[str, Any] = {}
    if changed or rule is None:
        # all is read before anything is computed: an error comes at once
        needed = sets if rule is None else changed
        spectra = {name: _read(name, *sets[name]) for name in needed}
        _check_models(analysis, {name: (sets[name][0], spectra[name]) for name in changed})
        if rule is None:
            check_rule(analysis, spectra)
    mark_owner(out, analysis.name, analysis.source)
    for folder in ("kept/sets", "fits"):
        (out / folder).mkdir(parents=True, exist_ok=True)
    require_writable(out / "results.json")
    each = len(analysis.fit.models) + 2
    with steps(len(changed) * each + 2, show=progress) as begin:
        if changed:
            kept |= _run_all_sets(
                analysis, {name: (sets[name][0], spectra[name], keys[name]) for name in changed}, begin
            )
        if rule is None:
            begin("linear scaling rule")
            rule = infer_rule(analysis, sets, spectra, kept)
            remember(out / RULE, rule_key, rule)
        whole = key_of(analysis.title, keys, rule_key)
        if again or changed or recall(out / PAGE, whole) is None:
            begin("report")
            _write_page(out, analysis.title, [rule, *kept.values()])
            remember(out / PAGE, whole, {"files": ["../report.html"]})
    results = {name: one["results"] for name, one in kept.items() if one is not None}
    outcome = Outcome(out / "report.html", results, rule["results"], tuple(changed))
    _write_results(out, outcome)
    return outcome


def _run_all_sets(
    analysis: Analysis, changed: Mapping[str, tuple[Data, Any, str]], begin: Callable[[str], None]
) -> dict[str, Any]:
    """Every set that has changed, each kept once it is done; its figures are drawn while the next is fitted."""
    from coulombfit.analysis.one_set import fit_and_check, render

    out, kept = analysis.out_folder, {}
    with ThreadPoolExecutor(1) as worker:
        ahead = {
            name: worker.submit(fit_and_check, analysis, name, data, spectra, begin)
            for name, (data, spectra, _) in changed.items()
        }
        try:
            for name in changed:
                # popped, as fits of many runs are large
                kept[name] = render(name, ahead.pop(name).result())
                remember(_results_path(out, name), changed[name][2], kept[name])
        except BaseException:
            worker.shutdown(cancel_futures=True)
            raise
    return kept


def _key(analysis: Analysis, data: Data, files: list[Path]) -> str:
    how = [data.model_dump(exclude={"files"}), analysis.fit.model_dump(), analysis.checks.model_dump(), analysis.seed]
    return key_of([[file.name, digest(file)] for file in files], how)


def _spare_inputs(analysis: Analysis, sets: Mapping[str, tuple[Data, list[Path]]]) -> None:
    """Refuse to write over what is read, or into a folder that is."""
    out = analysis.out_folder
    outputs = [out / name for name in ("report.html", "results.json", "scaling.nc", RULE, PAGE)]
    for name in sets:
        outputs.append(_results_path(out, name))
        outputs += [out / "fits" / f"{file_stem(name)}.{model}.nc" for model in analysis.fit.models]
    inputs = [file for _, files in sets.values() for file in files]
    for path in [*inputs, *filter(None, [analysis.source])]:
        for output in outputs:
            if is_part_of(output, path):
                raise ArgumentError(
                    f"out: {output} would overwrite {path}, which this analysis reads; name another folder"
                )


def _results_path(out: Path, name: str) -> Path:
    """Where the results of a set of data are kept."""
    return out / "kept" / "sets" / f"{file_stem(name)}.json"


def _read(name: str, data: Data, files: list[Path]) -> Any:
    """The levels of all runs."""
    import coulombfit as cf

    spectra = cf.read(files if data.ensemble else files[0], **data.reading, name=name)
    if data.pair and data.pair >= spectra.levels // 2:
        raise DataError(f"pair: {name} has {spectra.levels} levels, got pair {data.pair}")
    return spectra


def _check_models(analysis: Analysis, read: Mapping[str, tuple[Data, Any]]) -> None:
    """Refuse models that are none, and spectra without the pair that is to be fitted.

    :raises DataError: naming the set.
    """
    from coulombfit.inference.preparation import ask
    from coulombfit.models import find_models

    wanted = analysis.fit
    of_pairs = next(iter(find_models(wanted.models, wanted.likelihood).values())).of_pairs
    for model in wanted.models:
        ask(model, wanted.likelihood, wanted.sampler, None, analysis.seed, **wanted.stated)
    for name, (data, spectra) in read.items() if of_pairs else ():
        try:
            spectra.pair(data.pair)
        except DataError as error:
            raise DataError(f"{error} (of {name})") from None


def _write_page(out: Path, title: str, kept: list[Any]) -> None:
    from coulombfit.report import Part, write_page

    parts = [Part.from_json(one["part"]) for one in kept if one["part"] is not None]
    missing = [one["results"]["verdict"] for one in kept if one["part"] is None]
    write_page(out / "report.html", title, parts, not_run=[f"Linear scaling rule {one}." for one in missing])


def _write_results(out: Path, outcome: Outcome) -> None:
    from coulombfit.runtime.atomic_files import write_text

    write_text(json.dumps(outcome.to_json(), indent=2, allow_nan=False) + "\n", out / "results.json")
