"""Exact draws of levels, without dynamics: the tests' oracle and the demo's known truth."""

from __future__ import annotations

import jax
import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from simulators.engine.arguments import (
    as_numbers,
    check_seed,
    levels_with_widths,
    require_positive,
    require_whole,
)
from simulators.engine.isolation import isolated
from simulators.engine.streams import key_for

__all__ = ["one_species", "perturbed", "two_species"]

BATCH = 2**21
"""Elements of matrices that are drawn and diagonalised together, 16 MiB."""


def one_species(*, centre: float, sigma: float, runs: int, seed: int = 0) -> Float[np.ndarray, "run 2"]:
    """Eigenvalues, descending, of random symmetric 2×2 matrices whose pair law is the one-species Coulomb gas (Eq. 7).

    The Gaussian orthogonal ensemble about ``centre`` with standard deviation σ on the diagonal and σ/√2 off it.

    :param centre: c, units of x.
    :param sigma: σ > 0, units of x.
    :param runs: number of pairs.
    :param seed: the same seed and setting give the same pairs; settings are independent of each other.
    :raises ValueError: for an argument outside its range.
    """
    require_positive(sigma=sigma)
    as_numbers("centre", centre, "a finite number", (0,))
    require_whole(runs=runs)
    check_seed(seed)
    setting = {"ensemble": "one-species", "centre": float(centre), "sigma": float(sigma)}
    with isolated(True):
        noise = sigma * np.asarray(jax.random.normal(key_for(seed, setting), (runs, 3)))
    half_difference = 0.5 * (noise[:, 0] - noise[:, 1])
    half_spacing = np.hypot(half_difference, np.sqrt(0.5) * noise[:, 2])
    middle = centre + 0.5 * (noise[:, 0] + noise[:, 1])
    return np.stack([middle + half_spacing, middle - half_spacing], axis=1)


def two_species(
    *, centre: float, sigma_1: float, sigma_2: float, runs: int, seed: int = 0
) -> Float[np.ndarray, "run 2"]:
    """Pairs, descending, of the two-species labelled Coulomb gas (Eq. 29).

    The labelled spacing has the modulus of a plane Gaussian vector of standard deviation √2 σ_m and a random sign;
    given it, x₁ + x₂ is Gaussian with mean 2·centre + rS and standard deviation √2 σ₁σ₂/σ_m, where
    r = (σ₁² − σ₂²)/(σ₁² + σ₂²).

    :param centre: c, units of x.
    :param sigma_1: σ₁ > 0, the width of one species, units of x.
    :param sigma_2: σ₂ > 0, that of the other.
    :param runs: number of pairs.
    :param seed: the same seed and setting give the same pairs; settings are independent of each other.
    :raises ValueError: for an argument outside its range.
    """
    require_positive(sigma_1=sigma_1, sigma_2=sigma_2)
    as_numbers("centre", centre, "a finite number", (0,))
    require_whole(runs=runs)
    check_seed(seed)
    sigma_m = np.sqrt(0.5 * (sigma_1**2 + sigma_2**2))
    r = 0.5 * (sigma_1**2 - sigma_2**2) / sigma_m**2
    widths = {"sigma_1": float(sigma_1), "sigma_2": float(sigma_2)}
    setting = {"ensemble": "two-species", "centre": float(centre), **widths}
    with isolated(True):
        key_noise, key_sign = jax.random.split(key_for(seed, setting))
        noise = np.sqrt(2.0) * np.asarray(jax.random.normal(key_noise, (runs, 3)))
        sign = np.asarray(jax.random.rademacher(key_sign, (runs,), dtype=noise.dtype))
    spacing = sigma_m * np.hypot(noise[:, 0], noise[:, 1])
    middle = centre + 0.5 * (r * sign * spacing + sigma_1 * sigma_2 / sigma_m * noise[:, 2])
    return np.stack([middle + 0.5 * spacing, middle - 0.5 * spacing], axis=1)


def perturbed(*, levels: ArrayLike, widths: ArrayLike, runs: int, seed: int = 0) -> Float[np.ndarray, "run level"]:
    r"""Eigenvalues, descending, of a fixed matrix plus Gaussian noise: the law of trained matrices of any levels.

    .. math:: X = C + N, \qquad \operatorname{Var} N_{ii} = \sigma_i^2, \qquad
        \operatorname{Var} N_{ij} = \tfrac14(\sigma_i^2 + \sigma_j^2)

    C = diag(c), N symmetric with independent elements. Stochastic gradient descent adds such noise to what has been
    learnt, to first order in it. Equal levels of one width are the Gaussian orthogonal ensemble (Eq. 7); a pair of
    distance δ and one width has the spacing S ~ Rice(δ, √2 σ). Not in the source, whose Eq. 7 with separate minima
    is another law: :func:`simulators.dyson.matrix_shift` beside :func:`simulators.dyson.coulomb_shift`.

    :param levels: c_i, shape (N,), descending, units of x; equal ones are degenerate.
    :param widths: σ_i > 0, shape (N,), or one number for all, units of x.
    :param runs: number of matrices.
    :param seed: the same seed and setting give the same spectra; settings are independent of each other.
    :raises ValueError: for an argument outside its range.
    """
    c, sigma = levels_with_widths("levels", levels, widths)
    require_whole(runs=runs)
    check_seed(seed)
    scale = np.sqrt((sigma[:, None] ** 2 + sigma**2) / 8.0)  # the sum of an element and its mirror image has variance 2
    setting = {"ensemble": "perturbed", "levels": c.tolist(), "widths": sigma.tolist()}
    count = max(1, BATCH // c.size**2)
    spectra = []
    with isolated(True):
        root = key_for(seed, setting)
        for batch in range(-(-runs // count)):
            # whole batches, so that a run is the same in whatever ensemble
            normals = np.asarray(jax.random.normal(jax.random.fold_in(root, batch), (count, c.size, c.size)))
            normals = normals[: runs - batch * count]
            noise = scale * (normals + normals.swapaxes(1, 2))
            spectra.append(np.linalg.eigvalsh(np.diag(c) + noise)[:, ::-1])
    return np.concatenate(spectra)
