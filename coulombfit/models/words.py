"""Priors in words, for a summary."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import numpyro.distributions as dist

from coulombfit.models.parameters import Parameter
from coulombfit.models.site_priors import Even, KnownSite, SitePrior, StatedPrior
from coulombfit.models.units import Standardisation

__all__ = ["prior_in_words"]


def prior_in_words(
    prior: SitePrior, unit: Standardisation, site: str, parameter: Parameter, reports: Collection[Parameter]
) -> str:
    """A prior in units of the data where those of the parameter are known, else standardised; given ones as given."""
    if isinstance(prior, KnownSite):
        return f"known, {_format_values(prior.value, 6)}"
    if isinstance(prior, StatedPrior):
        return f"{_in_words(prior.prior, Standardisation(), even=False, of='')}, given"
    known = parameter.name in {one.name for one in reports}
    frame = unit if known and parameter.unit == "x" else Standardisation()
    of = "" if known and parameter.unit == "1" else " of the standardised value"
    words = _in_words(prior.prior, frame, even=site != parameter.name, of=of)
    return words if known else f"{words}, standardised"


def _in_words(prior: dist.Distribution, unit: Standardisation, *, even: bool, of: str) -> str:
    """``even``: that it is even about zero, and of the size of the site; ``of``: what other laws are laws of."""
    while isinstance(prior, dist.Independent | dist.ExpandedDistribution):
        prior = prior.base_dist  # one for every cluster
    match prior:
        case Even():
            return _in_words(prior.base, unit, even=False, of=of)
        case dist.LogNormal():
            median = _format_values(unit.scale * np.exp(prior.loc))
            return f"LogNormal(median {median}, sd of its logarithm {_format_values(prior.scale)})"
        case dist.Normal():
            mean, sd = unit.location + unit.scale * prior.loc, _format_values(unit.scale * prior.scale)
            return f"HalfNormal(sd {sd})" if even else f"Normal(mean {_format_values(mean, 6)}, sd {sd})"
        case dist.Uniform() if even:
            return f"Uniform(0, {_format_values(prior.high)})"
        case dist.Uniform():
            low, high = (unit.location + unit.scale * end for end in (prior.low, prior.high))
            return f"Uniform({_format_values(low, 6)}, {_format_values(high, 6)})"
    return _numbers_in_words(prior, unit, of)


def _numbers_in_words(prior: dist.Distribution, unit: Standardisation, of: str) -> str:
    base = getattr(prior, "base_dist", None)
    # a law of two numbers, which NumPyro makes of another one
    if isinstance(base, dist.Distribution) and not isinstance(prior, dist.Kumaraswamy):
        return f"{type(prior).__name__} of {_in_words(base, unit, even=False, of=of)}, on {prior.support}"
    stated = ", ".join(f"{name} {_format_values(getattr(prior, name, None))}" for name in prior.arg_constraints)
    return f"{type(prior).__name__}({stated}){of}"


def _format_values(values: object, digits: int = 3) -> str:
    array = np.asarray(values)
    if not np.issubdtype(array.dtype, np.number):
        return str(values)
    shown = [f"{value:.{digits}g}" for value in np.ravel(array)]
    return shown[0] if array.ndim == 0 else f"[{', '.join(shown)}]"
