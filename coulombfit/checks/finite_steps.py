"""Whether finite steps explain an exponent of the learning rate above 1, where nobody has said how long steps are.

With α/(1 − αΩ/2) in the place of α, widths grow faster than √α. Over a few learning rates that looks like an exponent
above 1, and the other way round. Three statements are therefore weighed by their marginal likelihoods: the rule with
finite steps, b_α = 1 and Ω of every level free; the form for small steps with b_α free; and the same with b_α = 1.
"""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd

from coulombfit.checks.scaling_model import Rule, Widths, log_posterior, parameters_of, start_of
from coulombfit.importance import RELIABLE, Integral, integrate
from coulombfit.result import INTERVAL

__all__ = ["MOST_LEVELS", "FiniteSteps", "infer_steps"]

MOST_LEVELS = 6
"""Levels up to which curvatures are inferred: the integral has two coordinates more for each."""
SMALL = 0.3
"""Error of a log Bayes factor beside the 3 that decide."""
DRAWS = 4000


@dataclass(frozen=True, eq=False)
class FiniteSteps:
    """The rule with finite steps: ``curvature`` has a row a level, with mean, sd and interval of Ω under b_α = 1.

    ``log_bayes_factor`` is that over the form for small steps with b_α free, with standard error ``se``; ``over_small``
    over the same with b_α = 1.
    """

    curvature: pd.DataFrame
    log_bayes_factor: float
    over_small: float
    se: float
    pareto_k: float

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
    over_free, over_small = (found.log_value - other.log_value for other in (free, small))
    return FiniteSteps(table, over_free, over_small, float(np.hypot(found.se, free.se)), found.k_hat)
