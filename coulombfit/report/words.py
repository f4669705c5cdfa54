"""What fits and checks say, in a line each: the verdicts on top of a report."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from markupsafe import Markup, escape

from coulombfit.checks.comparison import Comparison
from coulombfit.checks.consistency import ALARM, Consistency
from coulombfit.checks.moments import Moments
from coulombfit.checks.predictive import PredictiveCheck
from coulombfit.result import INTERVAL, Fit

__all__ = ["Verdict", "symbol", "verdicts"]

SYMBOLS = {
    name: Markup(text)
    for name, text in {
        "centre": "centre <i>x<sub>c</sub></i>",
        "beta": "repulsion <i>β</i>",
        "sigma": "width <i>σ</i>",
        "sigma_1": "wider width <i>σ</i><sub>1</sub>",
        "sigma_2": "narrower width <i>σ</i><sub>2</sub>",
        "sigma_m": "mean width <i>σ<sub>m</sub></i>",
        "r": "asymmetry <i>r</i> = (<i>σ</i><sub>1</sub>² − <i>σ</i><sub>2</sub>²) / 2<i>σ<sub>m</sub></i>²",
        "mean_spacing": "mean spacing ⟨<i>S</i>⟩ = √π <i>σ<sub>m</sub></i>",
        "b_learning_rate": "exponent of the learning rate <i>b<sub>α</sub></i>",
        "b_batch_size": "exponent of the batch size <i>b</i><sub>|<i>B</i>|</sub>",
        "scatter": "scatter between settings <i>τ</i>",
        "amplitude": "amplitude <i>σ</i> / (<i>f</i> √(<i>α</i>/|<i>B</i>|))",
    }.items()
}
QUOTED = {"centre": "centre", "sigma": "σ", "sigma_1": "σ₁", "sigma_2": "σ₂", "beta": "β"}


class Verdict(NamedTuple):
    """A sentence, and whether it is as it should be; None of what is neither good nor bad."""

    text: str
    good: bool | None


def symbol(parameter: str) -> Markup:
    """A parameter as it is written; of a cluster or a level with its number."""
    name, _, index = parameter.partition("[")
    of = " of level " if name == "amplitude" else " of cluster "
    return SYMBOLS.get(name, escape(name)) + (f"{of}{index.removesuffix(']')}" if index else "")


def verdicts(
    fits: Mapping[str, Fit],
    comparison: Comparison | None,
    consistency: Consistency | None,
    moments: Moments | None,
    predictive: Mapping[str, PredictiveCheck],
) -> list[Verdict]:
    """The most important first: which law, with what widths, whether it holds, whether the numbers can be trusted."""
    chosen = comparison.winner if comparison is not None else next(iter(fits))
    found = []
    if comparison is not None:
        found.append(Verdict(f"Which law? {comparison.verdict}", comparison.trustworthy))
    shown = [chosen] if comparison is not None else list(fits)
    found += [Verdict(_numbers(name, fits[name]), None) for name in shown]
    if consistency is not None:
        model = fits[chosen].model.name
        found += [
            _about_widths(model, str(likelihood), consistency)
            for of, likelihood in consistency.table.index
            if of == model
        ]
    if chosen in predictive:
        check = predictive[chosen]
        found.append(Verdict(f"Does the law hold? Under {chosen}, {check.verdict}", check.passed))
    if moments is not None:
        found.append(Verdict(f"Without any fit: {moments.verdict}", None))
    return [*found, _gate(fits)]


def _numbers(name: str, fit: Fit) -> str:
    table = fit.formatted()
    quoted = []
    for parameter, row in table.iterrows():
        stem, bracket, index = str(parameter).partition("[")
        if stem in QUOTED or stem not in SYMBOLS:
            quoted.append(
                f"{QUOTED.get(stem, stem)}{bracket}{index} = {row['mean']} ({row['lower']} to {row['upper']})"
            )
    return f"How wide? {name}: {', '.join(quoted)}; {INTERVAL:.0%} intervals."


def _about_widths(model: str, likelihood: str, consistency: Consistency) -> Verdict:
    row = consistency.table.loc[(model, likelihood)]
    agree = bool(row["p_value"] >= ALARM)
    other = "sums of levels" if likelihood == "pair" else "single levels"
    text = (
        f"One σ_m? Under {model}, spacings and {other} {'agree' if agree else 'DISAGREE'} about it: ln of the ratio is "
        f"{row['mean']:.3f} ± {row['sd']:.3f}, p = {row['p_value']:.2g}."
    )
    return Verdict(text, agree)


def _gate(fits: Mapping[str, Fit]) -> Verdict:
    bad = {name: fit.diagnosis.verdict for name, fit in fits.items() if not fit.diagnosis.passed}
    if bad:
        return Verdict("Trust it? " + " ".join(f"{name}: {verdict}" for name, verdict in bad.items()), False)
    return Verdict(f"Trust it? Every check of the sampler passed, for {', '.join(fits)}.", True)
