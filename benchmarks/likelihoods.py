"""Log-likelihoods of pairs and levels for tools that want a function: in NumPy, and compiled where numba is installed.

Each takes data, centre, and one width or two; the compiled ones return the sum over the data. Those of pairs leave out
ln(x₁ − x₂), which no parameter changes.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from scipy.special import erf

LOG_FOUR_SQRT_PI = math.log(4.0 * math.sqrt(math.pi))
ROOT_HALF, ROOT_TWO_PI = math.sqrt(0.5), math.sqrt(2.0 * math.pi)
LEAST = 1e-300
"""Densities end here, so that a wild step of an optimiser is bad, not infinite."""


def one_density(x: np.ndarray, centre: np.ndarray, sigma: np.ndarray) -> np.ndarray:
    u = (x - centre) / sigma
    peak = np.exp(-0.5 * u * u)
    return np.log(np.maximum(peak * (2.0 * peak + ROOT_TWO_PI * u * erf(ROOT_HALF * u)), LEAST)) - (
        LOG_FOUR_SQRT_PI + np.log(sigma)
    )


def two_density(x: np.ndarray, centre: np.ndarray, sigma_1: np.ndarray, sigma_2: np.ndarray) -> np.ndarray:
    dx = x - centre
    u1, u2 = dx / sigma_1, dx / sigma_2
    peak_1, peak_2 = np.exp(-0.5 * u1 * u1), np.exp(-0.5 * u2 * u2)
    first = sigma_1**2 * peak_2 * (2.0 * peak_1 + ROOT_TWO_PI * u1 * erf(ROOT_HALF * u1))
    second = sigma_2**2 * peak_1 * (2.0 * peak_2 + ROOT_TWO_PI * u2 * erf(ROOT_HALF * u2))
    sigma_m = np.sqrt(0.5 * (sigma_1**2 + sigma_2**2))
    return np.log(np.maximum(first + second, LEAST)) - (LOG_FOUR_SQRT_PI + np.log(2.0 * sigma_1 * sigma_2 * sigma_m))


def one_pair(x: np.ndarray, centre: np.ndarray, sigma: np.ndarray) -> np.ndarray:
    u1, u2 = (x[:, 0] - centre) / sigma, (x[:, 1] - centre) / sigma
    log_norm = LOG_FOUR_SQRT_PI - math.log(2.0) + 3.0 * np.log(sigma)
    return -0.5 * (u1 * u1 + u2 * u2) - log_norm


def two_pair(x: np.ndarray, centre: np.ndarray, sigma_1: np.ndarray, sigma_2: np.ndarray) -> np.ndarray:
    first, second = (x[:, 0] - centre) ** 2, (x[:, 1] - centre) ** 2
    half_1, half_2 = 0.5 / sigma_1**2, 0.5 / sigma_2**2
    sigma_m = np.sqrt(0.5 * (sigma_1**2 + sigma_2**2))
    labelled = np.logaddexp(-half_1 * first - half_2 * second, -half_2 * first - half_1 * second)
    return labelled - (LOG_FOUR_SQRT_PI + np.log(sigma_1 * sigma_2 * sigma_m))


IN_NUMPY: dict[tuple[str, str], Callable[..., np.ndarray]] = {
    ("one-species", "density"): one_density,
    ("two-species", "density"): two_density,
    ("one-species", "pair"): one_pair,
    ("two-species", "pair"): two_pair,
}


def compiled(model: str, likelihood: str) -> Callable[..., float]:
    """The sum over the data as one loop on both cores.

    :raises ModuleNotFoundError: where numba is not installed.
    """
    from numba import njit, prange

    def one_density_sum(x: np.ndarray, centre: float, sigma: float) -> float:
        total = 0.0
        for k in prange(x.size):
            u = (x[k] - centre) / sigma
            peak = math.exp(-0.5 * u * u)
            total += math.log(max(peak * (2.0 * peak + ROOT_TWO_PI * u * math.erf(ROOT_HALF * u)), LEAST))
        return total - x.size * (LOG_FOUR_SQRT_PI + math.log(sigma))

    def two_density_sum(x: np.ndarray, centre: float, sigma_1: float, sigma_2: float) -> float:
        total = 0.0
        for k in prange(x.size):
            u1, u2 = (x[k] - centre) / sigma_1, (x[k] - centre) / sigma_2
            peak_1, peak_2 = math.exp(-0.5 * u1 * u1), math.exp(-0.5 * u2 * u2)
            first = sigma_1**2 * peak_2 * (2.0 * peak_1 + ROOT_TWO_PI * u1 * math.erf(ROOT_HALF * u1))
            second = sigma_2**2 * peak_1 * (2.0 * peak_2 + ROOT_TWO_PI * u2 * math.erf(ROOT_HALF * u2))
            total += math.log(max(first + second, LEAST))
        sigma_m = math.sqrt(0.5 * (sigma_1**2 + sigma_2**2))
        return total - x.size * (LOG_FOUR_SQRT_PI + math.log(2.0 * sigma_1 * sigma_2 * sigma_m))

    def one_pair_sum(x: np.ndarray, centre: float, sigma: float) -> float:
        total = 0.0
        for k in prange(len(x)):
            u1, u2 = (x[k, 0] - centre) / sigma, (x[k, 1] - centre) / sigma
            total -= 0.5 * (u1 * u1 + u2 * u2)
        return total - len(x) * (LOG_FOUR_SQRT_PI - math.log(2.0) + 3.0 * math.log(sigma))

    def two_pair_sum(x: np.ndarray, centre: float, sigma_1: float, sigma_2: float) -> float:
        total, half_1, half_2 = 0.0, 0.5 / sigma_1**2, 0.5 / sigma_2**2
        for k in prange(len(x)):
            first, second = (x[k, 0] - centre) ** 2, (x[k, 1] - centre) ** 2
            one, other = half_1 * first + half_2 * second, half_2 * first + half_1 * second
            total += math.log1p(math.exp(-abs(one - other))) - min(one, other)
        sigma_m = math.sqrt(0.5 * (sigma_1**2 + sigma_2**2))
        return total - len(x) * (LOG_FOUR_SQRT_PI + math.log(sigma_1 * sigma_2 * sigma_m))

    loops = {
        ("one-species", "density"): one_density_sum,
        ("two-species", "density"): two_density_sum,
        ("one-species", "pair"): one_pair_sum,
        ("two-species", "pair"): two_pair_sum,
    }
    return njit(parallel=True, fastmath=True)(loops[model, likelihood])
