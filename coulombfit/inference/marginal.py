"""Marginal likelihoods of one model: ∫ L π over its sites, in units of the data."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from jaxtyping import Float

from coulombfit.inference.fit_result import Fit
from coulombfit.inference.log_posterior import log_posterior, represent
from coulombfit.models import Likelihood, Model, Standardisation
from coulombfit.runtime.precision import double_precision
from coulombfit.samplers.importance import Integral, weigh

__all__ = ["DECISIVE", "integral_of", "marginal_likelihood"]

DECISIVE = 3.0
"""Log Bayes factor from which a preference is stated, 20 to 1 (Kass and Raftery 1995: strong)."""


def integral_of(fit: Fit, seed: int) -> Integral:
    """What the fit has found itself, where it comes from this process and this seed."""
    if fit.integral is None or fit.record.seed != seed:
        return marginal_likelihood(fit.model, fit.observed_by, fit.observations, fit.unit, seed=seed)
    return replace(
        fit.integral, log_value=fit.integral.log_value - fit.observed_by.log_frame(fit.observations, fit.unit)
    )


@double_precision()
def marginal_likelihood(
    model: Model,
    likelihood: Likelihood,
    observations: Float[np.ndarray, "run ..."],
    unit: Standardisation,
    *,
    seed: int = 0,
) -> Integral:
    """Ln ∫ L π of a model in units of the data; points are in unconstrained coordinates of its sites."""
    density, _ = log_posterior(model.sampled, likelihood)
    represented = represent(model, likelihood, observations, unit)
    _, mirrored = model.start(likelihood)
    found = weigh(density, represented.peak, represented.weighted, unit, mirrored=mirrored, seed=seed)
    return replace(found, log_value=found.log_value - likelihood.log_frame(observations, unit))
