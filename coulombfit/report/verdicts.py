"""What fits and checks say, in a line each: the verdicts on top of a report."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from markupsafe import Markup, escape

from coulombfit.answers.answer import Answer, all_of
from coulombfit.answers.numbers import plus_minus, probability
from coulombfit.checks.fits.comparison import Comparison
from coulombfit.checks.fits.predictive import PredictiveCheck
from coulombfit.checks.spectra.guessed_pairs import GuessedPair
from coulombfit.checks.spectra.moments import Moments
from coulombfit.checks.spectra.width_consistency import Consistency
from coulombfit.inference.fit_result import Fit
from coulombfit.inference.given import doubts_about
from coulombfit.models.parameters import Parameter, find_parameter
from coulombfit.numerics.intervals import INTERVAL

__all__ = ["Verdict", "symbol", "verdicts"]

SCALING_NUMBERS = {
    "b_learning_rate": "exponent of the learning rate <i>b<sub>α</sub></i>",
    "b_batch_size": "exponent of the batch size <i>b</i><sub>|<i>B</i>|</sub>",
    "scatter": "scatter between settings <i>τ</i>",
    "amplitude": "amplitude <i>σ</i> / (<i>f</i> √(<i>α</i>/|<i>B</i>|))",
}
"""Numbers of the linear scaling rule."""


class Verdict(NamedTuple):
    """A sentence, and the answer that it gives; None of what only states numbers."""

    text: str
    answer: Answer | None


def symbol(parameter: str, reports: Iterable[Parameter] = (), dimension: str = "level") -> Markup:
    """A parameter as it is written; of a cluster or a level with its number.

    :param parameter: as in a table.
    :param reports: of the model.
    :param dimension: of the model, what its numbers are of.
    """
    name, _, index = parameter.partition("[")
    # html of a table is written by whoever writes the model
    written = SCALING_NUMBERS.get(name) or find_parameter(name, reports).html
    return (Markup(written) if written else escape(name)) + (
        f" of {dimension} {index.removesuffix(']')}" if index else ""
    )


def verdicts(
    fits: Mapping[str, Fit],
    comparison: Comparison | None,
    consistency: Consistency | None,
    moments: Moments | None,
    predictive: Mapping[str, PredictiveCheck],
    guessed: Sequence[GuessedPair] = (),
) -> list[Verdict]:
    """The most important first: which law, with what widths, whether it holds, whether the numbers can be trusted."""
    chosen = comparison.winner if comparison is not None else next(iter(fits))
    found = []
    if comparison is not None:
        found.append(Verdict(f"Which law? {comparison.verdict}", comparison.answer))
    shown = [chosen] if comparison is not None else list(fits)
    found += [Verdict(_numbers(name, fits[name]), None) for name in shown]
    found += [_about_law(name, fits[name], predictive.get(name)) for name in shown]
    if data := _about_data(fits[chosen]):
        found.append(data)
    found += [Verdict(f"Degenerate? {one.verdict}", one.found.answer if one.found else None) for one in guessed]
    if consistency is not None:
        model = fits[chosen].model.name
        found += [
            _about_widths(model, str(likelihood), consistency)
            for of, likelihood in consistency.table.index
            if of == model
        ]
    if moments is not None:
        found.append(Verdict(f"Without any fit: {moments.verdict}", None))
    return [*found, _gate(fits)]


def _numbers(name: str, fit: Fit) -> str:
    table = fit.formatted()
    quoted = []
    for parameter, row in table.iterrows():
        _, bracket, index = str(parameter).partition("[")
        found = find_parameter(str(parameter), fit.model.reports)
        if found.quoted:
            written = found.text or found.name
            quoted.append(f"{written}{bracket}{index} = {row['mean']} ({row['lower']} to {row['upper']})")
    return f"How wide? {name}: {', '.join(quoted)}; {INTERVAL:.0%} intervals."


def _about_law(name: str, fit: Fit, check: PredictiveCheck | None) -> Verdict:
    """Whether the data look like what a fit predicts: by its own description, and by a check of more ensembles."""
    own = fit.description
    text = f"Does the law hold? {name}: {own.verdict.removeprefix('Describes the data: ')}"
    if check is None:
        return Verdict(text, own.answer)
    answer = all_of([own.answer, check.answer])
    return Verdict(f"{text} Among 400 predicted ensembles {check.verdict}", answer)


def _about_data(fit: Fit) -> Verdict | None:
    """What makes the data themselves doubtful."""
    doubts = doubts_about(fit.record.data)
    return Verdict(f"Are these the right data? {'. '.join(doubts)}", Answer.CANNOT_TELL) if doubts else None


def _about_widths(model: str, likelihood: str, consistency: Consistency) -> Verdict:
    row, answer = consistency.table.loc[(model, likelihood)], consistency.answer_of(model, likelihood)
    other = "sums of levels" if likelihood == "pair" else "single levels"
    said = {
        Answer.YES: f"Under {model}, spacings and {other} agree about it",
        Answer.NO: f"Under {model}, spacings and {other} DISAGREE about it",
    }.get(answer, f"The data cannot tell whether under {model} spacings and {other} agree about it")
    numbers = f"ln of the ratio is {plus_minus(row['mean'], row['sd'])}, p {probability(row['p_value'])}"
    return Verdict(f"One σ_m? {said}: {numbers}.", answer)


def _gate(fits: Mapping[str, Fit]) -> Verdict:
    bad = {name: fit.diagnosis.verdict for name, fit in fits.items() if not fit.diagnosis.passed}
    if bad:
        text = " ".join(f"{name}: {verdict}" for name, verdict in bad.items())
        return Verdict(f"Did the sampler converge? {text}", Answer.NO)
    text = f"Did the sampler converge? Yes, every check passed, for {', '.join(fits)}."
    few = [f" But of {name}: {fit.diagnosis.few}." for name, fit in fits.items() if fit.diagnosis.few]
    return Verdict(text + "".join(few), Answer.CANNOT_TELL if few else Answer.YES)
