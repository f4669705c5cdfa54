"""Gradient noise against the batch size: the step of the central limit theorem (Eqs. 3, 4)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from jaxtyping import Float
from numpy.typing import ArrayLike
from scipy import stats

from coulombfit.answers.answer import Answer
from coulombfit.answers.numbers import probability
from coulombfit.checks.inferred import FEWEST, Inferred, bootstrap, judge_draws, posterior
from coulombfit.data.spectra import real_array
from coulombfit.runtime.arguments import positive
from coulombfit.runtime.errors import ArgumentError, DataError
from coulombfit.runtime.seeds import check_seed, fingerprint_of, generator_for

__all__ = ["NoiseScaling", "noise_scaling"]

ALARM = 0.01
MARGIN = 0.25


@dataclass(frozen=True, eq=False)
class NoiseScaling(Inferred):
    """Posterior of the exponent b of the noise, sd ∝ \\|B\\|^(−b/2); the central limit theorem says b = 1 (Eqs. 3, 4).

    ``tree`` has the draws ``b``. ``variances`` has a row a batch size: ``samples``, ``variance`` of a sample, summed
    over components, ``sd_log`` of its logarithm, and ``power_law``, the variance that the line gives. ``p`` is the
    probability of a scatter about the line as large as this, 1 for two batch sizes.
    """

    variances: pd.DataFrame
    p: float

    @property
    def answer(self) -> Answer:
        """Whether noise scales as the central limit theorem says: no where variances follow no power of the batch size
        (p below 0.01) or 1 is outside the 99 % interval of b; yes where the 90 % interval holds 1 and ends within 0.25
        of it; else the data cannot tell."""
        return Answer.NO if self.p < ALARM else judge_draws(self.tree["posterior"]["b"].to_numpy(), 1.0, MARGIN)

    @property
    def verdict(self) -> str:
        """One sentence."""
        quoted = f"b = {self.quoted('b')}"
        if self.p < ALARM:
            p = probability(self.p)
            return f"noise does NOT scale as |B|^(−1/2): variances do not follow a power of |B| (p {p}; {quoted})."
        if self.answer is Answer.CANNOT_TELL:
            return f"the data cannot tell whether noise scales as |B|^(−b/2) with b = 1: {quoted}."
        agreement = "in agreement" if self.answer is Answer.YES else "NOT in agreement"
        return f"noise scales as |B|^(−b/2) with {quoted}, {agreement} with 1."


def noise_scaling(steps: Mapping[int, ArrayLike], *, seed: int = 0) -> NoiseScaling:
    r"""Infer how the noise of one step depends on the batch size (Eqs. 3, 4).

    .. math:: \ln \mathrm{Var}_{|B|} = A - b \ln |B|

    Variances have Bayesian-bootstrap posteriors over samples; the line is fitted to every draw, by their inverse
    squared errors.

    :param steps: by batch size \|B\|, steps recorded at the same weights, shape (sample,) or (sample, component).
    :param seed: the same seed gives the same draws.
    :raises ArgumentError: for fewer than two batch sizes, or one that is not positive.
    :raises DataError: for another shape, unlike components, fewer than 10 samples, or steps all alike.
    """
    check_seed(seed)
    if not isinstance(steps, Mapping):
        raise ArgumentError(f"steps: expected steps by batch size, as {{16: steps}}, got {type(steps).__name__}")
    if len(steps) < 2:
        raise ArgumentError(f"steps: expected at least two batch sizes, got {len(steps)}")
    sizes = sorted(steps)
    log_size = np.log([positive("batch size of steps", size) for size in sizes])
    samples = [_samples(steps[size], f"steps[{size}]") for size in sizes]
    if len({one.shape[1] for one in samples}) > 1:
        raise DataError(f"steps: expected as many components at every |B|, got {[one.shape[1] for one in samples]}")
    estimates = np.log([one.var(axis=0, ddof=1).sum() for one in samples])
    # of each batch size its own: equal steps at two of them would else be drawn alike
    streams = [
        generator_for(seed, "noise", size, fingerprint_of(one)) for size, one in zip(sizes, samples, strict=True)
    ]
    logs = np.stack([_log_variances(one, rng) for one, rng in zip(samples, streams, strict=True)], axis=1)
    weights = 1.0 / logs.var(axis=0)
    centred = log_size - np.average(log_size, weights=weights)
    slopes = weights * centred / (weights * centred**2).sum()
    line = np.average(estimates, weights=weights) + centred * (slopes @ estimates)
    misfit = (weights * (estimates - line) ** 2).sum()
    p = float(stats.chi2.sf(misfit, len(sizes) - 2)) if len(sizes) > 2 else 1.0
    columns = {"samples": [len(one) for one in samples], "variance": np.exp(estimates)}
    columns |= {"sd_log": logs.std(axis=0), "power_law": np.exp(line)}
    variances = pd.DataFrame(columns, index=pd.Index(sizes, name="batch_size"))
    return NoiseScaling(posterior({"b": -(logs @ slopes)}), variances, p)


def _samples(values: ArrayLike, name: str) -> Float[np.ndarray, "sample component"]:
    array = real_array(values, name)
    if array.ndim not in (1, 2) or 0 in array.shape or len(array) < FEWEST:
        raise DataError(
            f"{name}: expected at least {FEWEST} samples, (sample,) or (sample, component), got {array.shape}"
        )
    array = array.reshape(len(array), -1)
    if np.ptp(array, axis=0).max() <= 0:
        raise DataError(f"{name}: expected steps that differ, got {len(array)} alike")
    return array


def _log_variances(
    samples: Float[np.ndarray, "sample component"], rng: np.random.Generator
) -> Float[np.ndarray, " draw"]:
    """Ln of the variance, summed over components."""
    centred = samples - samples.mean(axis=0)
    both = np.concatenate([centred, (centred**2).sum(axis=1, keepdims=True)], axis=1)
    means = bootstrap(both, rng)
    return np.log(means[:, -1] - (means[:, :-1] ** 2).sum(axis=1)) + np.log(len(samples) / (len(samples) - 1))
