"""Whether finite steps explain an exponent of the learning rate above 1, where nobody has said how long steps are.

With α/(1 − αΩ/2) in the place of α, widths grow faster than √α. Over a few learning rates that looks like an exponent
above 1, and the other way round. Three statements are therefore weighed by their marginal likelihoods: the rule with
finite steps, b_α = 1 and Ω of every level free; the form for small steps with b_α free; the same with b_α = 1; and
finite steps with both free.
"""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd

from coulombfit.checks.settings.scaling_model import Rule, Widths, log_posterior, parameters_of, start_of
from coulombfit.numerics.intervals import INTERVAL
from coulombfit.samplers.importance import RELIABLE, Integral, integrate

__all__ = ["MOST_LEVELS", "FiniteSteps", "infer_steps"]

MOST_LEVELS = 6
"""Levels up to which curvatures are inferred: the integral has two coordinates more for each."""
SMALL = 0.3
"""Error of a log Bayes factor that is small beside the 3 that decide: with it, k̂ may be up to 1."""
DRAWS = 4000


@dataclass(frozen=True, eq=False)
class FiniteSteps:
    """The rule with finite steps: ``curvature`` has a row a level, with mean, sd and interval of Ω under b_α = 1.

    ``log_bayes_factor`` is that over the form for small steps with b_α free, with standard error ``se``; ``over_small``
    over the same with b_α = 1, and ``over_both`` over finite steps with Ω and b_α free.
    """

    curvature: pd.DataFrame
    log_bayes_factor: float
    over_small: float
    over_both: float
    se: float
    pareto_k: float

    @property
    def decisive(self) -> float:
        """The log Bayes factor that decides: over small steps, or over both free where that is below −3."""
        return min(self.log_bayes_factor, self.over_both) if self.over_both < -3.0 else self.log_bayes_factor

    @property
    def reliable(self) -> bool:
        """Whether the integral can be trusted: k̂ at most 0.7, or below 1 with an error that is next to nothing."""
        return self.pareto_k <= RELIABLE or (self.pareto_k < 1.0 and self.se < SMALL)


def infer_steps(
    rule: Rule, data: Widths, largest_rate: float, free: Integral, small: Integral, exponent: int, seed: int
) -> FiniteSteps:
    """Integrate over the curvatures.

    :param data: of the form for small steps.
    :param largest_rate: the greatest learning rate.
    :param free: the integral of that form with all exponents free.
    :param small: the same with that of the learning rate fixed at 1.
    :param exponent: which of the free exponents that is.
    """
    curved = rule._replace(curved=True)
    fixed = jax.tree.map(jnp.asarray, data.with_exponent_1(exponent))
    found = integrate(log_posterior(curved), start_of(curved), fixed, seed=seed)
    steps = np.asarray(parameters_of(curved)(found.resample(DRAWS, seed)[None], fixed)["steps"])[0]
    curvature = 2.0 * steps / largest_rate
    lower, upper = np.quantile(curvature, [(1 - INTERVAL) / 2, (1 + INTERVAL) / 2], axis=0)
    columns = {"mean": curvature.mean(axis=0), "sd": curvature.std(axis=0, ddof=1), "lower": lower, "upper": upper}
    table = pd.DataFrame(columns).rename_axis("level")
    both = integrate(log_posterior(curved), start_of(curved), jax.tree.map(jnp.asarray, data), seed=seed)
    over_free, over_small, over_both = (found.log_value - other.log_value for other in (free, small, both))
    error = float(np.hypot(found.se, max(free.se, both.se)))
    return FiniteSteps(table, over_free, over_small, over_both, error, max(found.k_hat, both.k_hat))
