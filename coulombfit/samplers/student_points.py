"""Points of a heavy-tailed spherical law: what importance sampling draws its proposals from.

A multivariate Student t of NU degrees of freedom, as scrambled Sobol sequences, made once for each dimension and turned
at random for each use, which leaves a spherical law as it is. The scatter between scrambles is the error of a sum.
"""

from __future__ import annotations

from functools import lru_cache
from math import lgamma, log, pi

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from scipy import special, stats
from scipy.stats import qmc

__all__ = ["SCRAMBLES", "log_student", "random_rotation", "student_points"]

NU = 5.0
"""Degrees of freedom of the Student t. Fewer: heavier tails, with safer and less even weights. More: nearer to a
Gaussian, whose weights have no bound where the posterior has heavier tails."""
SCRAMBLES = 16
"""Independent scrambles of the sequence, from whose scatter the standard error of an integral comes."""


def log_student(u: Float[Array | np.ndarray, "point coordinate"]) -> Float[Array, " point"]:
    """Ln of the density of that law."""
    size = u.shape[1]
    constant = lgamma(0.5 * (NU + size)) - lgamma(0.5 * NU) - 0.5 * size * log(NU * pi)
    return constant - 0.5 * (NU + size) * jnp.log1p((u**2).sum(axis=1) / NU)


def random_rotation(size: int, rng: np.random.Generator) -> Float[np.ndarray, "coordinate coordinate"]:
    """A random orthogonal matrix."""
    if size == 1:
        return rng.choice([-1.0, 1.0], size=(1, 1))
    return stats.ortho_group.rvs(size, random_state=rng)


@lru_cache(maxsize=16)
def student_points(size: int, points: int) -> Float[np.ndarray, "point coordinate_and_side"]:
    """Points in ``size`` dimensions, scramble after scramble; last, a sign.

    :param points: rounded down to SCRAMBLES powers of two.
    """
    rng = np.random.default_rng(0)
    exponent = max(1, int(np.log2(points // SCRAMBLES)))
    uniform = np.concatenate([qmc.Sobol(size + 2, rng=rng).random_base2(exponent) for _ in range(SCRAMBLES)])
    uniform = np.clip(uniform, 1e-12, 1.0 - 1e-12)
    radius = np.sqrt(NU / stats.chi2.ppf(uniform[:, -2], NU))
    direct = radius[:, None] * special.ndtri(uniform[:, :size])
    return np.concatenate([direct, np.where(uniform[:, -1:] < 0.5, -1.0, 1.0)], axis=1)
