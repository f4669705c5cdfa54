"""Parts of a report: one for each set of data and one for the scaling rule, rendered by themselves.

A part is text: an analysis of many files keeps those of files that have not changed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from coulombfit.answers.answer import Answer
from coulombfit.answers.numbers import make_rounder, probability
from coulombfit.checks.fits.comparison import Comparison
from coulombfit.checks.fits.predictive import PredictiveCheck
from coulombfit.checks.settings.new_settings import PredictedWidths
from coulombfit.checks.settings.scaling_result import Scaling
from coulombfit.checks.spectra.guessed_pairs import GuessedPair
from coulombfit.checks.spectra.moments import Moments
from coulombfit.checks.spectra.width_consistency import Consistency
from coulombfit.inference.fit_result import Fit
from coulombfit.inference.given import describe_given
from coulombfit.numerics.intervals import INTERVAL
from coulombfit.report import pictures
from coulombfit.report.verdicts import Verdict, symbol, verdicts

__all__ = ["Part", "environment", "part_of_data", "part_of_scaling"]


@dataclass(frozen=True)
class Part:
    """A section as HTML, with the verdicts that go on top of the page and the provenance that goes to its end."""

    title: str
    verdicts: tuple[Verdict, ...]
    body: str
    provenance: str = ""

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Part:
        """From JSON values."""
        verdicts = (Verdict(text, None if answer is None else Answer(answer)) for text, answer in values["verdicts"])
        return cls(**{**values, "verdicts": tuple(verdicts)})


def environment() -> Environment:
    """Templates, which escape whatever names users give, and refuse names that are not there."""
    made = Environment(
        loader=PackageLoader("coulombfit", "report"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    made.globals |= {"symbol": symbol, "interval": f"{INTERVAL:.0%}", "rounded": _round}
    made.filters |= {"slug": _slug, "probability": lambda value: probability(value).removeprefix("= ")}
    return made


def part_of_data(
    title: str,
    fits: Mapping[str, Fit],
    *,
    comparison: Comparison | None = None,
    consistency: Consistency | None = None,
    moments: Moments | None = None,
    predictive: Mapping[str, PredictiveCheck] | None = None,
    guessed: Sequence[GuessedPair] = (),
) -> Part:
    """Everything about one set of data.

    :param fits: fits of the same data by the name to show; those of one likelihood share their figures.
    :param guessed: pairs that gaps between levels have guessed, and what was found of their split.
    """
    checks = dict(predictive or {})
    given = {"comparison": comparison, "consistency of σ_m": consistency, "moments": moments, "predictions": predictive}
    groups: dict[str, dict[str, Fit]] = {}
    for name, fit in fits.items():
        groups.setdefault(fit.likelihood, {})[name] = fit
    context = {
        "title": title,
        "fits": fits,
        "comparison": comparison,
        "consistency": consistency,
        "moments": moments,
        "guessed": guessed,
        "laws": [(group, pictures.draw_laws(group)) for group in groups.values()],
        "predictions": {name: (check, pictures.draw_predictions(name, check)) for name, check in checks.items()},
        "chains": {name: pictures.draw_chains(name, fit) for name, fit in fits.items()},
        "given": describe_given(next(iter(fits.values())).record.data),
        "not_run": [name for name, one in given.items() if not one],
    }
    templates = environment()
    found = tuple(verdicts(fits, comparison, consistency, moments, checks, guessed))
    body = templates.get_template("data.html").render(context)
    return Part(title, found, body, templates.get_template("provenance.html").render(fits=fits, title=title))


def part_of_scaling(
    scaling: Scaling,
    study: Sequence[pictures.Picture] = (),
    predicted: Sequence[PredictedWidths] = (),
    left_out: str = "",
) -> Part:
    """The linear scaling rule over several settings.

    :param scaling: what was found.
    :param study: figures of all settings side by side, of :func:`coulombfit.report.pictures.draw_study`.
    :param predicted: widths of settings that have not been run.
    :param left_out: a sentence about settings that are not in these figures.
    """
    shown = {"study": study, "predicted": predicted, "left_out": left_out, "chi_squared": scaling.chi_squared}
    template = environment().get_template("scaling.html")
    body = template.render(scaling=scaling, picture=pictures.draw_scaling(scaling), **shown)
    text = f"Do widths follow √(α/|B|)? {scaling.verdict}"
    return Part("Linear scaling rule", (Verdict(text, scaling.answer),), body)


def _round(value: float, sd: float) -> str:
    """A number to two significant figures of its error, with a true minus."""
    return make_rounder(sd)(value).replace("-", "−")


def _slug(title: str) -> str:
    """A title as an anchor."""
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-") or "data"
