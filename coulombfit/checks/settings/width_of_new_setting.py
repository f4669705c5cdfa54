"""The scaling rule turned round: widths of a setting that has not been run."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr
from jaxtyping import Float

from coulombfit.numerics.intervals import INTERVAL
from coulombfit.runtime.arguments import positive
from coulombfit.runtime.errors import ArgumentError
from coulombfit.runtime.seeds import generator_for

__all__ = ["Extent", "predict_widths"]

SLOPES = {"b_learning_rate": 0.5, "b_batch_size": -0.5}


@dataclass(frozen=True)
class Extent:
    """Where a rule was inferred.

    ``place`` has, by exponent, the mean of ½ ln α or −½ ln \\|B\\| about which it turns; ``learning_rate`` and
    ``batch_size`` the least and the greatest of the settings; ``curvature`` Ω of every level, zero in the form for
    small steps; ``momentum`` that of all settings, None where they have different ones.
    """

    place: dict[str, float]
    learning_rate: tuple[float, float]
    batch_size: tuple[float, float]
    curvature: tuple[float, ...]
    momentum: float | None = 0.0

    def require_momentum(self, asked: float | None) -> float:
        """That of a new setting: as asked for, or else that of all.

        :raises ArgumentError: for none where the settings have different ones, or one outside 0 to 1.
        """
        found = self.momentum if asked is None else asked
        if found is None:
            raise ArgumentError("momentum: expected that of the new setting, as those that were run have unlike ones")
        if not 0.0 <= found < 1.0:
            raise ArgumentError(f"momentum: expected a number from 0 to below 1, got {found!r}")
        return float(found)

    def beyond(self, learning_rate: float, batch_size: float) -> str:
        """What of a setting lies outside; empty where nothing does."""
        given = {"learning_rate": learning_rate, "batch_size": batch_size}
        outside = [
            f"{name} {value:g} is outside {low:g} to {high:g}"
            for name, value in given.items()
            for low, high in [getattr(self, name)]
            if not low * (1 - 1e-9) <= value <= high * (1 + 1e-9)
        ]
        return " and ".join(outside)


def predict_widths(
    posterior: xr.Dataset,
    extent: Extent,
    learning_rate: float,
    batch_size: float,
    factor: float = 1.0,
    momentum: float | None = None,
    seed: int = 0,
) -> pd.DataFrame:
    """σ of every level, with its interval: exponents, amplitudes and the scatter between settings all uncertain.

    :raises ArgumentError: for numbers that make no sense, or αΩ ≥ 2.
    """
    numbers = {"learning_rate": learning_rate, "batch_size": batch_size, "factor": factor}
    for name, value in numbers.items():
        positive(name, value)
    mu = extent.require_momentum(momentum)
    half_step = 0.5 * learning_rate / (1.0 + mu) * np.asarray(extent.curvature)
    if (half_step >= 1.0).any():
        raise ArgumentError(
            f"learning_rate: expected αΩ/(1 + μ) below 2, where training is stable, got {2 * half_step.max():.3g}"
        )
    draws = posterior.stack(sample=("chain", "draw"))
    log_sigma = (
        np.log(draws["amplitude"].transpose("level", "sample").to_numpy()) + np.log(factor) - 0.5 * np.log1p(-mu)
    )
    logs = {"b_learning_rate": np.log(learning_rate) - np.log1p(-half_step), "b_batch_size": np.log(batch_size)}
    for name, slope in SLOPES.items():
        at = slope * np.broadcast_to(logs[name], half_step.shape)[:, None]
        exponent = draws[name].to_numpy() if name in draws else 1.0
        log_sigma = log_sigma + at + (exponent - 1.0) * (at - extent.place[name])
    if "scatter" in draws:
        rng = generator_for(seed, "new setting", float(learning_rate), float(batch_size))
        # all levels of a setting move together
        log_sigma = log_sigma + draws["scatter"].to_numpy() * rng.standard_normal(log_sigma.shape[1])
    return _table(np.exp(log_sigma))


def _table(sigma: Float[np.ndarray, "level sample"]) -> pd.DataFrame:
    lower, upper = np.quantile(sigma, [(1 - INTERVAL) / 2, (1 + INTERVAL) / 2], axis=1)
    columns = {"mean": sigma.mean(axis=1), "sd": sigma.std(axis=1, ddof=1), "lower": lower, "upper": upper}
    return pd.DataFrame(columns).rename_axis("level")
