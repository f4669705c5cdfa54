"""What linear response and second-order perturbation theory say of a Gaussian RBM's training, with nothing fitted.

The learnt spectrum is x_i = σ_h² ξ_i² with ξ_i the singular values of W; a mode of the target kernel with eigenvalue
κ_i is learnt at x_i = μ² − κ_i. One step of ascent multiplies X = σ_h² W Wᵀ by (1 + αG) from both sides, where α stands
for learning_rate · σ_h² and G is the difference of the two second moments. To first order about the target
δX_ij has the rate α (x_i + x_j)/(κ_i κ_j), on the diagonal αΩ_i with Ω_i = 2x_i/κ_i².
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike

from simulators.engine.arguments import as_numbers, require_one_of, require_positive, require_whole
from simulators.engine.schedule import RELAXATIONS, relaxation_time

__all__ = [
    "Target",
    "check_noise",
    "check_start",
    "lattice_kernel",
    "level_displacements",
    "level_widths",
    "refuse_unstable",
    "steps_needed",
    "target",
]

NOISES = ("data", "model", "both", "pcd")
DEGENERATE = 1e-9
"""Relative distance up to which two modes are one, and their difference rounding."""


class Target(NamedTuple):
    """A target in the basis of its kernel: ``modes``, the eigenvectors in columns; ``kappa``, ascending; ``mu2``;
    ``sigma_h2``; ``learnt``, how many modes the hidden layer can learn."""

    modes: Float[np.ndarray, "visible visible"]
    kappa: Float[np.ndarray, " visible"]
    mu2: float
    sigma_h2: float
    learnt: int

    @property
    def x(self) -> Float[np.ndarray, " level"]:
        """Learnt eigenvalues x_i = μ² − κ_i, descending."""
        return self.mu2 - self.kappa[: self.learnt]

    def rates(self, learning_rate: float) -> Float[np.ndarray, " level"]:
        """αΩ_i, by which a small deviation of x_i decays in a step."""
        require_positive(learning_rate=learning_rate)
        return learning_rate * self.sigma_h2 * 2.0 * self.x / self.kappa[: self.learnt] ** 2

    def turning_rates(self, learning_rate: float) -> Float[np.ndarray, " pair"]:
        """α(1/κ_i − 1/κ_j), by which a small turn of a learnt mode i to one left out, j, decays in a step."""
        learnt, left = np.split(1.0 / self.kappa, [self.learnt])
        # differences that are rounding alone would decay at last
        apart = np.maximum(learnt[:, None] - left - DEGENERATE * learnt[:, None], 0.0)
        return learning_rate * self.sigma_h2 * apart.ravel()


def lattice_kernel(visible: int = 10, mass2: float = 4.0) -> Float[np.ndarray, "visible visible"]:
    """Kernel of a free scalar field on a periodic lattice of ``visible`` sites.

    Its eigenvalues are κ_n = m² + 2 − 2 cos(2πn/N): for even N all but the least and the greatest are doubly
    degenerate.

    :param visible: N, the number of sites.
    :param mass2: m².
    :raises ValueError: for an argument outside its range.
    """
    require_whole(visible=visible)
    require_positive(mass2=mass2)
    shift = np.roll(np.eye(visible), 1, axis=0)
    return (mass2 + 2.0) * np.eye(visible) - shift - shift.T


def target(
    *, kernel: ArrayLike | None = None, hidden: int | None = None, mu2: float = 9.0, sigma_h: float = 1.0
) -> Target:
    """The target of a kernel, checked.

    :param kernel: symmetric positive definite, shape (N_v, N_v), units of φ⁻²; by default :func:`lattice_kernel`.
    :param hidden: N_h; by default N_v.
    :raises ValueError: where an argument is outside its range, or a kernel cannot be learnt: eigenvalues above μ².
    """
    require_positive(mu2=mu2, sigma_h=sigma_h)
    k = lattice_kernel() if kernel is None else as_numbers("kernel", kernel, "a finite symmetric matrix", (2,))
    if k.shape != k.T.shape or not np.allclose(k, k.T):
        raise ValueError(f"kernel: expected a finite symmetric matrix, got shape {k.shape}, not symmetric")
    hidden = k.shape[0] if hidden is None else hidden
    require_whole(hidden=hidden)
    kappa, modes = np.linalg.eigh(k)
    learnt = min(hidden, kappa.size)
    if kappa[0] <= 0 or kappa[learnt - 1] >= mu2:
        raise ValueError(
            f"kernel: expected eigenvalues between 0 and mu2 = {mu2:g}, got {kappa[0]:.4g} to {kappa[learnt - 1]:.4g}"
        )
    return Target(modes, kappa, float(mu2), float(sigma_h) ** 2, learnt)


def level_widths(
    aim: Target, learning_rate: float, batch_size: int, noise: str, gibbs_steps: int, finite_step: bool
) -> Float[np.ndarray, " level"]:
    """Stationary widths of the levels (Eq. 9)."""
    variance = 2.0 * aim.x * learning_rate * aim.sigma_h2 / batch_size
    if finite_step:
        variance = variance * 2.0 / (2.0 - aim.rates(learning_rate))
    if noise == "both":
        variance = 2.0 * variance
    if noise == "pcd":
        memory = (aim.x / aim.mu2) ** (2 * gibbs_steps)
        variance = variance * (1.0 + memory) / (1.0 - memory)
    return np.sqrt(variance)


def level_displacements(aim: Target, learning_rate: float, batch_size: int, noise: str) -> Float[np.ndarray, " level"]:
    """Shift of the mean of each level from its target, by perturbation theory to second order in the noise."""
    x = aim.x
    apart = x[:, None] - x
    other = np.abs(apart) > DEGENERATE * aim.mu2
    repulsion = np.where(other, (x[:, None] + x) / np.where(other, apart, 1.0), 0.0).sum(axis=1)
    growth = (aim.mu2 + x) / (aim.mu2 - x)
    strength = learning_rate * aim.sigma_h2 / batch_size * (2.0 if noise == "both" else 1.0)
    return -0.5 * strength * (growth.sum() + growth - repulsion)


def steps_needed(aim: Target, learning_rate: float, start: float | None, hidden: int) -> float:
    """Steps after which the start is forgotten."""
    rates = aim.rates(learning_rate)
    needed = RELAXATIONS * float(relaxation_time(1.0 - np.append(rates, aim.turning_rates(learning_rate))).max())
    if start is None:
        return needed
    # the slowest mode without noise, ẋ = 2αx(1/κ − 1/(μ² − x)), from a typical least x to half its target
    slow = int(np.argmin(rates))
    kappa, x = aim.kappa[slow], aim.x[slow]
    growth = np.log(0.5 * x) - 2.0 * np.log(start) - np.log(aim.sigma_h2 / hidden)
    saturation = np.log(2.0)
    time = kappa / (2.0 * learning_rate * aim.sigma_h2 * x) * (aim.mu2 * growth + kappa * saturation)
    return needed + max(float(time), 0.0)


def check_noise(noise: str, batch_size: int, gibbs_steps: int) -> None:
    """Refuse what is no noise."""
    require_one_of(NOISES, noise=noise)
    require_whole(batch_size=batch_size, gibbs_steps=gibbs_steps)


def refuse_unstable(rates: np.ndarray, learning_rate: float) -> None:
    """Refuse learning rates at which training diverges even without noise."""
    require_positive(learning_rate=learning_rate)
    if rates.max() >= 2:
        raise ValueError(
            f"learning_rate: training diverges; expected below 2/max Ω = {2 * learning_rate / rates.max():.4g}, "
            f"got {learning_rate!r}"
        )


def check_start(aim: Target, start: float | None, hidden: int) -> None:
    """Refuse first weights with which no model exists."""
    if start is None:
        return
    require_positive(start=start)
    # the greatest eigenvalue of σ_h²WWᵀ where both sides are large
    greatest = aim.sigma_h2 * start**2 * (np.sqrt(aim.kappa.size) + np.sqrt(hidden)) ** 2
    if greatest >= aim.mu2:
        raise ValueError(
            f"start: expected below {start * np.sqrt(aim.mu2 / greatest):.3g}, where μ² − σ_h²WWᵀ is positive "
            f"definite, got {start!r}"
        )
