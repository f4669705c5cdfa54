r"""Many levels at any distance, by their conditionals: those of a fixed matrix plus noise, and of the Coulomb gas.

Conventions as in :mod:`coulombfit.laws.gas`: an event is the *ordered* spectrum ``x1 > … > xN``, shape ``(N,)``, and
levels come in clusters of common centre and width, counted from the top.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from jaxtyping import Array, Float
from numpyro.distributions import Distribution, constraints

from coulombfit.laws.gas.coulomb_gas import descending
from coulombfit.laws.matrix.conditionals import Potentials, log_conditionals
from coulombfit.laws.matrix.neighbours import Neighbourhood
from coulombfit.laws.matrix.repulsion import GAS, MATRIX, Repulsion
from coulombfit.laws.validity import checked
from coulombfit.runtime.precision import refuse_forked

__all__ = ["GasLevels", "InteractingLevels", "MatrixLevels"]


class InteractingLevels(Distribution):
    """Levels whose joint law has no known normaliser, by the normalised law of each level given all others.

    ``log_prob`` is a score and no log density: the sum of ln p(x_i | all others), Besag's pseudo-likelihood. It is
    proper (its expectation is greatest for the true law) and may be compared between laws of the same levels; evidence
    cannot be had from it.

    :param centres: centres c of the clusters, shape (K,), units of x; equal ones are allowed.
    :param widths: their widths σ, shape (K,), units of x.
    :param sizes: numbers of levels of the clusters, K whole numbers; one each where not given.
    :param beta: strength of the repulsion, a number; where it is fixed by the law, 1.
    :param near: neighbours on either side that enter exactly, of those further off an expansion; all where not given.
    :raises ValueError: for shapes that do not agree.
    """

    arg_constraints: ClassVar = {
        "centres": constraints.real_vector,
        "widths": constraints.independent(constraints.positive, 1),
        "beta": constraints.positive,
    }
    support = descending
    pytree_aux_fields = ("sizes", "near")
    repulsion: ClassVar[Repulsion]

    def __init__(
        self,
        centres: ArrayLike,
        widths: ArrayLike,
        sizes: Sequence[int] | None = None,
        beta: ArrayLike = 1.0,
        near: int | None = None,
        *,
        validate_args: bool | None = None,
    ):
        refuse_forked()
        # what is known stays so inside compiled functions
        with jax.ensure_compile_time_eval():
            centres, widths, beta = jnp.asarray(centres), jnp.asarray(widths), jnp.asarray(beta)
        shape = centres.shape
        if len(shape) != 1 or not shape[0]:
            raise ValueError(f"centres: expected one number a cluster, shape (K,), got shape {shape}")
        if widths.shape != shape:
            raise ValueError(f"widths: expected {shape[0]}, one a centre, got shape {widths.shape}")
        self.sizes = (1,) * shape[0] if sizes is None else tuple(int(size) for size in sizes)
        if len(self.sizes) != shape[0] or min(self.sizes) < 1:
            raise ValueError(f"sizes: expected {shape[0]} whole numbers above 0, one a cluster, got {sizes}")
        self.near = sum(self.sizes) - 1 if near is None else int(near)
        dtype = jnp.result_type(centres, widths, beta, float)
        self.centres, self.widths, self.beta = centres.astype(dtype), widths.astype(dtype), beta.astype(dtype)
        super().__init__((), (sum(self.sizes),), validate_args=validate_args)

    @property
    def potentials(self) -> Potentials:
        """Centres and variances level by level."""
        of_level = np.repeat(np.arange(len(self.sizes)), self.sizes)
        return Potentials(self.centres[of_level], self.widths[of_level] ** 2, self.beta)

    def conditionals(self, x: Float[Array, "run level"]) -> Float[Array, "level run"]:
        """Ln p(x_i | all others) of every level of every run.

        :param x: levels in descending order.
        """
        return log_conditionals(self.repulsion, self.potentials, Neighbourhood.of(x, self.near))

    @checked
    def log_prob(self, value: ArrayLike) -> Array:
        x = jnp.asarray(value)
        flat = x.reshape(-1, x.shape[-1])
        ordered = jnp.asarray(descending(flat))
        # any levels in order: those that are not get minus infinity, and must give no NaN on the way
        safe = jnp.where(ordered[:, None], flat, jnp.arange(flat.shape[1], 0.0, -1.0))
        total = self.conditionals(safe).sum(axis=0)
        return jnp.where(ordered, total, -jnp.inf).reshape(x.shape[:-1])


class MatrixLevels(InteractingLevels):
    r"""Eigenvalues of X = C + N: a fixed matrix, what was learnt, plus the symmetric Gaussian noise of training.

    .. math:: p(x_1 > \dots > x_N) \propto \prod_{i<j} (x_i - x_j) \, e^{-z_{ij}} I_0(z_{ij}) \;
        e^{-\sum_i (x_i - c_i)^2 / 2\sigma_i^2},
        \qquad z_{ij} = \frac{(x_i - x_j)(c_i - c_j)}{\sigma_i^2 + \sigma_j^2}

    C has the eigenvalues c_i; Var N_ii = σ_i², Var N_ij = (σ_i² + σ_j²)/4. Exact for two levels of one width, and for
    any number of one centre and width; for others the product over pairs is an approximation, good at equal centres
    and at separated ones. For separated levels repulsion is d^½, half as strong as in Eq. 7. Draws are exact.
    """

    repulsion = MATRIX

    def sample(self, key: jax.Array, sample_shape: tuple[int, ...] = ()) -> Array:
        """Eigenvalues of C + N, descending."""
        return _perturbed(key, sample_shape, self.potentials)


class GasLevels(InteractingLevels):
    r"""The Coulomb gas of Eq. 7 at any distance of its centres, β = 1 or free.

    .. math:: p(x_1 > \dots > x_N) \propto \prod_{i<j} (x_i - x_j)^\beta \; e^{-\sum_i (x_i - c_i)^2 / 2\sigma_i^2}

    Eq. 5 as it stands. Trained matrices follow it where centres are equal, and :class:`MatrixLevels` where not.
    """

    repulsion = GAS


@partial(jax.jit, static_argnums=1)
def _perturbed(key: jax.Array, shape: tuple[int, ...], law: Potentials) -> Array:
    levels = law.centres.shape[0]
    upper = jnp.triu(jnp.ones((levels, levels)), 1)
    noise = jax.random.normal(key, (*shape, levels, levels), law.centres.dtype)
    sd = jnp.sqrt((law.variances[:, None] + law.variances) / 4.0) * upper
    off = noise * sd
    diagonal = law.centres + jnp.sqrt(law.variances) * jnp.diagonal(noise, axis1=-2, axis2=-1)
    matrix = off + jnp.swapaxes(off, -1, -2) + diagonal[..., None] * jnp.eye(levels)
    return jnp.linalg.eigvalsh(matrix, symmetrize_input=False)[..., ::-1]
