"""Activations of a student's hidden layer, and how mean training responds to a small error of its weights.

With inputs x ~ N(0, I), labels from the teacher W_t and C = ZᵀZ, an error δ of the weights decays at the rate αHδ,

    H_(mi)(nj) = C_mn ⟨a'(y_m) a'(y_n) x_i x_j⟩,    y = W_t x.

The teacher is diagonal, so y_m is √κ_m x_m, or 0 in rows beyond the inputs, and every mean a product of integrals
over one Gaussian each. For the identity H is C for every input.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float
from scipy.integrate import quad_vec

__all__ = ["ACTIVATIONS", "response", "why_unknown"]

ACTIVATIONS = {"identity": lambda y: y, "tanh": jnp.tanh, "relu": jax.nn.relu}
SLOPES = {"tanh": lambda y: 1.0 / np.cosh(y) ** 2, "relu": lambda y: np.heaviside(y, 0.0)}

LARGEST = 3000
"""Most weights for which the response is worked out, as the eigenvalues of a dense matrix of that size."""
REACH = 12.0
"""Standard deviations of an input beyond which nothing counts."""


def why_unknown(activation: str, teacher: Float[np.ndarray, "hidden input"]) -> str | None:
    """Why the response of a network is not known, or None where it is."""
    hidden, inputs = teacher.shape
    if activation != "identity" and hidden * inputs > LARGEST:
        return f"for activated networks of more than {LARGEST} weights, and there are {hidden * inputs}"
    if activation == "relu" and hidden > inputs:
        return f"for relu with more hidden nodes than inputs, {hidden} > {inputs}: some are at its kink"
    return None


def response(
    activation: str, curvature: Float[np.ndarray, "hidden hidden"], teacher: Float[np.ndarray, "hidden input"]
) -> Float[np.ndarray, "hidden input hidden input"]:
    """H of an activated student about its teacher.

    :param activation: "tanh" or "relu".
    :param curvature: C = ZᵀZ.
    :param teacher: diagonal, (M, N), with positive elements on its diagonal.
    :raises ValueError: where it is not known, see :func:`why_unknown`.
    """
    unknown = why_unknown(activation, teacher)
    if unknown is not None:
        raise ValueError(f"activation: the response is not known {unknown}")
    hidden, inputs = teacher.shape
    root = np.zeros(hidden)
    root[: min(teacher.shape)] = teacher.diagonal()
    slope = SLOPES[activation]

    def integrand(x: float) -> Float[np.ndarray, "moment hidden"]:
        a = slope(root * x)
        return np.stack([a, a * x, a * x**2, a**2, a**2 * x**2]) * np.exp(-0.5 * x**2) / np.sqrt(2.0 * np.pi)

    # halves, because relu has its edge at 0 and tanh its maximum
    zeroth, first, second, square, square_second = sum(
        quad_vec(integrand, *ends, epsabs=1e-13, epsrel=1e-12)[0] for ends in ((-REACH, 0.0), (0.0, REACH))
    )
    found = np.zeros((hidden, inputs, hidden, inputs))
    for m in range(hidden):
        for n in range(hidden):
            i = np.arange(inputs)
            if m == n:
                means = np.where(i == m, square_second[m], square[m])
            else:
                means = np.where(i == m, second[m], zeroth[m]) * np.where(i == n, second[n], zeroth[n])
                if max(m, n) < inputs:
                    found[m, m, n, n] = found[m, n, n, m] = curvature[m, n] * first[m] * first[n]
            found[m, i, n, i] = curvature[m, n] * means
    return found
