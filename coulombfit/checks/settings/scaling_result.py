"""What is said of the linear scaling rule."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr

from coulombfit.answers.answer import Answer, all_of, judge_interval
from coulombfit.answers.numbers import plus_minus, probability
from coulombfit.answers.result import Text
from coulombfit.answers.tables import as_text
from coulombfit.checks.settings.chi_squared import ChiSquared, chi_squared_of
from coulombfit.checks.settings.finite_steps import FiniteSteps
from coulombfit.checks.settings.scaling_model import EXPONENT_SD, EXPONENTS
from coulombfit.checks.settings.width_of_new_setting import Extent, predict_widths
from coulombfit.inference.convergence import Diagnosis
from coulombfit.runtime.errors import ArgumentError

__all__ = ["DECISIVE", "Scaling"]

DECISIVE = 3.0
"""Log Bayes factor from which a preference is stated, 20 to 1."""
REJECTED = 0.01
"""Posterior probability of the rarer side of 1, both sides counted, below which an exponent is not 1."""
VARIED = {"b_learning_rate": "learning rate", "b_batch_size": "batch size"}
RULE = "√(α/|B|)"
LEARNT = 0.8
"""Error of an exponent, over that of its prior, above which the data have said nothing of it."""


@dataclass(frozen=True, eq=False)
class Scaling:
    """Posterior of the scaling rule.

    ``table`` has a row a parameter: the exponents ``b_learning_rate`` and ``b_batch_size``, as far as the settings
    differ in them; the ``scatter`` τ; the ``amplitude`` of each level, σ/(f √(α/\\|B\\|)) amid the settings.
    ``rule`` has a row an exponent: ``within``, the posterior probability that \\|b − 1\\| < tolerance, and
    ``log_bayes_factor``, of b = 1 over b free. ``levels`` has a row a setting and level: σ from its own data, and as
    the rule has it. ``finite_step`` is the log Bayes factor of α/(1 − αΩ/2) over α, where Ω > 0 was given; ``steps`` is
    the rule with finite steps and Ω inferred, where that was to be asked. ``tree`` has the draws, ``diagnosis`` says
    whether the sampler converged, ``tolerance`` is that of ``within``, ``margin`` that of ``answers``. ``notes`` say
    what was left out of the data, ``doubt`` what forbids an answer: runs that still drift, or of different settings
    that fluctuate together. ``extent`` says which settings they were.
    """

    tree: xr.DataTree
    table: pd.DataFrame
    rule: pd.DataFrame
    levels: pd.DataFrame
    diagnosis: Diagnosis
    tolerance: float
    finite_step: float | None
    margin: float = 0.25
    steps: FiniteSteps | None = None
    notes: tuple[str, ...] = ()
    doubt: str = ""
    extent: Extent | None = None

    def predict(
        self,
        *,
        learning_rate: float,
        batch_size: float,
        factor: float = 1.0,
        momentum: float | None = None,
        seed: int = 0,
    ) -> pd.DataFrame:
        """Widths σ of a setting that has not been run: a row a level, with mean, sd and 90 % interval.

        The interval is one for the width itself, of which a run of the setting would show a sample: exponents and
        amplitudes are uncertain, and a new setting scatters about the rule as the others do. Where finite steps were
        inferred (``steps``), the form for small steps with its own exponent is used, which holds amid the settings.

        :param learning_rate: α, a number without unit.
        :param batch_size: \\|B\\|, samples a step.
        :param factor: f of the setting, what σ is known to be proportional to besides.
        :param momentum: μ of the heavy ball; by default that of the settings that were run.
        :param seed: the same seed gives the same numbers.
        :raises ArgumentError: for numbers that make no sense, no momentum where settings had different ones, or
            αΩ ≥ 2 where Ω was given.
        :warns UserWarning: for a setting outside those that the rule was inferred from.
        """
        if self.extent is None:
            raise ArgumentError("scaling: expected a result of coulombfit.scaling, got one without its extent")
        found = predict_widths(
            self.tree["posterior"].to_dataset(), self.extent, learning_rate, batch_size, factor, momentum, seed
        )
        if beyond := self.extent.beyond(learning_rate, batch_size):
            warnings.warn(f"{beyond}, where the rule was inferred: this extrapolates", stacklevel=2)
        return found

    @property
    def chi_squared(self) -> ChiSquared | None:
        """χ² of the widths in ``levels`` about a weighted line in ln σ, with sampling errors alone.

        More than its degrees of freedom says that settings scatter beyond sampling, not that the exponents are wrong:
        where runs share inputs or a start they fluctuate together, and sampling errors are too small. Nor does a good
        one say that exponents are 1, as they are free. Widths of one setting's levels are taken as independent.
        """
        return None if self.extent is None else chi_squared_of(self.levels, np.asarray(self.extent.curvature))

    @property
    def answers(self) -> dict[str, Answer]:
        """Whether each exponent is 1: no where its 99 % interval does not hold 1, yes where the one of 90 % does and
        reaches no further than the margin from it. What data have not narrowed against its prior cannot tell.

        An exponent of the learning rate above 1 is no no by itself where the curvature was not given: with finite steps
        the rule looks like that. Then the rule with finite steps against the exponent is decided by the log Bayes
        factor: yes above 3, no below −3, between them the data cannot tell.
        """
        found = {}
        for name in self.rule.index:
            row, below = self.table.loc[name], float((self.tree["posterior"][name] < 1.0).mean())
            answer = judge_interval(row["lower"], row["upper"], 1.0, self.margin)
            if row["sd"] > LEARNT * EXPONENT_SD:
                answer = Answer.CANNOT_TELL
            rejected = min(below, 1.0 - below) < REJECTED / 2
            found[str(name)] = answer if rejected or answer is not Answer.NO else Answer.CANNOT_TELL
        if self.steps is not None:
            factor = self.steps.decisive if self.steps.reliable else 0.0
            decided = Answer.YES if factor > 0 else Answer.NO
            found["b_learning_rate"] = decided if abs(factor) > DECISIVE else Answer.CANNOT_TELL
        return found

    @property
    def answer(self) -> Answer:
        """Whether widths follow the rule: :attr:`answers` of all exponents.

        What has not converged cannot tell, nor can settings whose runs fluctuate together or still drift.
        """
        if not self.diagnosis.passed or self.doubt:
            return Answer.CANNOT_TELL
        return all_of(self.answers.values())

    @property
    def ok(self) -> bool:
        """Whether the numbers can be used: the sampler has converged, and nothing about the data forbids an answer."""
        return self.diagnosis.passed and not self.doubt

    @property
    def verdict(self) -> str:
        """One sentence, the answer first."""
        leads = {
            Answer.YES: f"the widths follow {RULE}",
            Answer.NO: f"the widths do NOT follow {RULE}",
            Answer.CANNOT_TELL: f"the data cannot tell whether widths follow {RULE}",
        }
        reason = self.doubt if self.diagnosis.passed else self.diagnosis.verdict.rstrip(".")
        lead = f"{leads[self.answer]} ({reason})" if reason else leads[self.answer]
        parts = [f"{lead}: {', '.join(self._exponents())}, where the rule says 1"]
        parts += [
            f"settings do not differ in {VARIED[name]}, whose exponent is not asked"
            for name in EXPONENTS
            if name not in self.rule.index
        ]
        if self.steps is not None:
            parts.append(self._about_steps(self.steps))
        if "scatter" in self.table.index:
            parts.append(self._about_scatter())
        if self.finite_step is not None:
            form = "finite" if self.finite_step > 0 else "small"
            better = f"the form for {form} steps is the better one"
            close = "the forms for small and finite steps are not told apart"
            told = better if abs(self.finite_step) > DECISIVE else close
            parts.append(f"{told}, log Bayes factor {abs(self.finite_step):.1f}")
        return "; ".join([*parts, *self.notes]) + "."

    def _exponents(self) -> list[str]:
        """Each with its error, and the evidence for 1."""
        small = " in the form for small steps" if self.steps is not None else ""
        found = []
        for name, row in self.rule.iterrows():
            b = self.table.loc[name]
            form = small if name == "b_learning_rate" else ""
            evidence = f"log Bayes factor of 1 {row['log_bayes_factor']:.1f}"
            found.append(
                f"exponent of the {VARIED[str(name)]}{form} {plus_minus(b['mean'], b['sd'])} (P(|b − 1| < "
                f"{self.tolerance:g}) {probability(row['within'])}, {evidence})"
            )
        return found

    def _about_steps(self, steps: FiniteSteps) -> str:
        omega = ", ".join(plus_minus(row["mean"], row["sd"]) for _, row in steps.curvature.iterrows())
        factor = f"log Bayes factor {steps.decisive:.1f}"
        if not steps.reliable:
            return "whether finite steps explain it could not be computed; give the curvature"
        if abs(steps.decisive) <= DECISIVE:
            return (
                f"finite steps of curvature Ω = {omega} would explain it with an exponent of 1 as well ({factor}); the "
                "curvature, where it is known, or smaller learning rates tell"
            )
        if steps.decisive > 0:
            return f"the exponent is 1 once steps are finite, α/(1 − αΩ/2) with Ω = {omega} ({factor} over another one)"
        return f"finite steps do not explain it ({factor})"

    def _about_scatter(self) -> str:
        """The scatter, and what it means for single settings."""
        tau = self.table.loc["scatter"]
        sampling = float(np.median(self.levels["sd"] / self.levels["sigma"]))
        short = np.hypot(sampling, tau["mean"]) / sampling
        text = f"settings scatter by {tau['mean']:.1%} beyond sampling"
        if tau["lower"] > sampling:
            text += (
                ", as where the runs of a setting share their inputs and fluctuate together, or steps are large: the "
                f"error of {sampling:.1%} that a single setting claims for its width leaves that out, and is "
                f"{short:.2g} times too small"
            )
        return text

    def summary(self) -> Text:
        """The tables, the verdict and the gate as text."""
        tables = [as_text(one) for one in (self.levels, self.table, self.rule)]
        if self.steps is not None:
            curvature = as_text(self.steps.curvature)
            tables.append(f"curvature of each level if the exponent of the learning rate is 1\n{curvature}")
        return Text("\n".join([*tables, self.verdict, str(self.diagnosis)]))
