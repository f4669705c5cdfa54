"""One self-contained HTML file from fits and the questions asked of them."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

from coulombfit.checks.fits.comparison import Comparison
from coulombfit.checks.fits.predictive import PredictiveCheck
from coulombfit.checks.settings.scaling_result import Scaling
from coulombfit.checks.spectra.degeneracy import degeneracy
from coulombfit.checks.spectra.guessed_pairs import GuessedPair
from coulombfit.checks.spectra.moments import Moments
from coulombfit.checks.spectra.width_consistency import Consistency
from coulombfit.data.chosen_levels import places_of
from coulombfit.inference.fit_result import Fit
from coulombfit.inference.outputs import PAGES, page_label, require_ending
from coulombfit.report.part import Part, environment, part_of_data, part_of_scaling
from coulombfit.runtime.atomic_files import write_text
from coulombfit.runtime.errors import ArgumentError

__all__ = ["write_page", "write_report"]


def write_report(
    path: str | Path,
    *,
    fits: Mapping[str, Fit],
    comparison: Comparison | None = None,
    consistency: Consistency | None = None,
    moments: Moments | None = None,
    predictive: Mapping[str, PredictiveCheck] | None = None,
    scaling: Scaling | None = None,
    title: str = "Posterior report",
) -> None:
    """Write the report: verdicts first, then evidence, and how it all came about.

    It is one file that needs no network and no script. What is not given is said to be not run. A pair that only the
    gaps between levels have taken for one is asked for a split, by :func:`coulombfit.degeneracy`.

    :param path: an .html file.
    :param fits: fits by the name to show, of one set of data or several; each set has a part of its own.
    :param comparison: of fits of one set of data, by the same names.
    :param consistency: :func:`coulombfit.width_consistency` of the same pairs as the fits that were compared, or of
        the only ones.
    :param moments: :func:`coulombfit.moments` of these.
    :param predictive: :func:`coulombfit.predictive` of fits, by the names of the fits.
    :param scaling: :func:`coulombfit.scaling` over settings.
    :param title: heading of the page.
    :raises ArgumentError: without fits, with checks of fits that are not given, or for a name of another ending.
    """
    if not isinstance(fits, Mapping):
        raise ArgumentError(f"fits: expected fits by name, as {{'name': fit}}, got {type(fits).__name__}")
    if not fits:
        raise ArgumentError("fits: expected at least one fit to report, got none")
    sets: dict[str, dict[str, Fit]] = {}
    for name, fit in fits.items():
        sets.setdefault(fit.record.data.fingerprint, {})[name] = fit
    checks = dict(predictive or {})
    if unknown := [name for name in checks if name not in fits]:
        raise ArgumentError(f"predictive: expected names of fits, {', '.join(fits)}, got {unknown[0]!r}")
    compared = set(map(str, comparison.table.index)) if comparison is not None else set(next(iter(sets.values())))
    if not any(compared <= group.keys() for group in sets.values()):
        raise ArgumentError(f"comparison: expected one of fits of one set of data, got {', '.join(sorted(compared))}")
    # what is over all data first
    parts = [] if scaling is None else [part_of_scaling(scaling)]
    for group in sets.values():
        asked = compared <= group.keys()
        parts.append(
            part_of_data(
                next(iter(group.values())).record.data.name or "unnamed data",
                group,
                comparison=comparison if asked else None,
                consistency=consistency if asked else None,
                moments=moments if asked else None,
                predictive={name: check for name, check in checks.items() if name in group},
                guessed=_ask_guess(next(iter(group.values()))),
            )
        )
    write_page(path, title, parts, label=page_label(sets))


def _ask_guess(fit: Fit) -> tuple[GuessedPair, ...]:
    """Whether the pair of a fit is degenerate, where only gaps between levels have taken it for one."""
    data = fit.record.data
    guessed = data.provenance.get("grouping") == "gaps" and fit.observed_by.of_pairs and fit.observations.ndim == 2
    if not guessed:
        return ()
    places = places_of(data.provenance, 2)
    found = degeneracy(fit.observations, seed=fit.record.seed, progress=False)
    return (GuessedPair((places[0], places[1]), taken=True, found=found),)


def write_page(
    path: str | Path, title: str, parts: Sequence[Part], not_run: Sequence[str] = (), label: str = ""
) -> None:
    """Write parts as one page, with sentences about what has no part.

    :param label: what the page says of itself, unseen; see :mod:`coulombfit.inference.outputs`.
    :raises ArgumentError: where the name of the page does not end in .html or .htm.
    """
    require_ending("path", Path(path), *PAGES)
    templates = environment()
    slug = templates.filters["slug"]
    anchored = [(f"{slug(part.title)}-{k}", part) for k, part in enumerate(parts)]
    # the page may use this style and nothing else: no script, no request
    style = templates.get_template("style.css").render()
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    page = templates.get_template("page.html")
    text = page.render(title=title, parts=anchored, not_run=not_run, label=label, style=style, style_digest=digest)
    write_text(text, path)
