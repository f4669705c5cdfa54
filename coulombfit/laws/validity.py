"""Parameters that make no sense are treated as NumPyro treats those of its laws.

With ``validate_args=True`` they raise ValueError where their values are known, inside compiled functions too; where
they are traced, densities and probabilities are NaN, never a number that looks like one.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce, wraps
from typing import Any

import jax.numpy as jnp
from jaxtyping import Array
from numpyro.distributions import Distribution
from numpyro.distributions.util import validate_sample

from coulombfit.runtime.precision import refuse_forked

__all__ = ["checked", "nan_unless_valid"]


def nan_unless_valid(function: Callable[..., Array]) -> Callable[..., Array]:
    """A function of a law and values, NaN where the law's parameters are outside their constraints."""

    @wraps(function)
    def guarded(law: Distribution, *arguments: Any, **named: Any) -> Array:
        refuse_forked()
        # constraints are over the batch: events of parameters are reduced
        held = [law.arg_constraints[name](value) for name, value in law.get_args().items()]
        return jnp.where(reduce(jnp.logical_and, held), function(law, *arguments, **named), jnp.nan)

    return guarded


def checked(log_prob: Callable[..., Array]) -> Callable[..., Array]:
    """A log density that is NaN for parameters that make no sense, and minus infinity outside the support."""
    return validate_sample(nan_unless_valid(log_prob))
