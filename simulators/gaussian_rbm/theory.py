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

from simulators.engine.arguments import numbers, one_of, positive, whole
from simulators.engine.schedule import relaxation_time

__all__ = ["Target", "displacements", "lattice_kernel", "relaxation_times", "target", "targets", "widths"]

NOISES = ("data", "model", "both", "pcd")


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
        positive(learning_rate=learning_rate)
        return learning_rate * self.sigma_h2 * 2.0 * self.x / self.kappa[: self.learnt] ** 2

    def turning_rates(self, learning_rate: float) -> Float[np.ndarray, " pair"]:
        """α(1/κ_i − 1/κ_j), by which a small turn of a learnt mode i to one left out, j, decays in a step."""
        learnt, left = np.split(1.0 / self.kappa, [self.learnt])
        # differences that are rounding alone would decay at last
        apart = np.maximum(learnt[:, None] - left - 1e-9 * learnt[:, None], 0.0)
        return learning_rate * self.sigma_h2 * apart.ravel()


def lattice_kernel(visible: int = 10, mass2: float = 4.0) -> Float[np.ndarray, "visible visible"]:
    """Kernel of a free scalar field on a periodic lattice of ``visible`` sites.

    Its eigenvalues are κ_n = m² + 2 − 2 cos(2πn/N): for even N all but the least and the greatest are doubly
    degenerate.

    :param visible: N, the number of sites.
    :param mass2: m².
    """
    whole(visible=visible)
    positive(mass2=mass2)
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
    positive(mu2=mu2, sigma_h=sigma_h)
    k = lattice_kernel() if kernel is None else numbers("kernel", kernel, "a finite symmetric matrix", (2,))
    if k.shape != k.T.shape or not np.allclose(k, k.T):
        raise ValueError(f"kernel: expected a finite symmetric matrix, got shape {k.shape}, not symmetric")
    hidden = k.shape[0] if hidden is None else hidden
    whole(hidden=hidden)
    kappa, modes = np.linalg.eigh(k)
    learnt = min(hidden, kappa.size)
    if kappa[0] <= 0 or kappa[learnt - 1] >= mu2:
        raise ValueError(
            f"kernel: expected eigenvalues between 0 and mu2 = {mu2:g}, got {kappa[0]:.4g} to {kappa[learnt - 1]:.4g}"
        )
    return Target(modes, kappa, float(mu2), float(sigma_h) ** 2, learnt)


def targets(
    *, kernel: ArrayLike | None = None, hidden: int | None = None, mu2: float = 9.0, sigma_h: float = 1.0
) -> Float[np.ndarray, " level"]:
    """Eigenvalues x_i = μ² − κ_i that are learnt, descending, shape (level,).

    :param kernel: the target's kernel, symmetric positive definite, (N_v, N_v); by default :func:`lattice_kernel`.
    :param hidden: N_h; by default N_v.
    :param mu2: μ².
    :param sigma_h: σ_h.
    :raises ValueError: for an argument outside its range, or a kernel that cannot be learnt.
    """
    return target(kernel=kernel, hidden=hidden, mu2=mu2, sigma_h=sigma_h).x


def widths(
    *,
    learning_rate: float,
    batch_size: int,
    noise: str = "data",
    gibbs_steps: int = 3,
    finite_step: bool = True,
    kernel: ArrayLike | None = None,
    hidden: int | None = None,
    mu2: float = 9.0,
    sigma_h: float = 1.0,
) -> Float[np.ndarray, " level"]:
    r"""Stationary widths σ_i of the levels, in the order of :func:`targets`, units of x (Eq. 9).

    .. math:: \sigma_i^2 = \frac{\alpha}{|B|}\, \frac{\tilde g_i^2}{\Omega_i} \cdot \frac{2}{2 - \alpha\Omega_i}
        = \frac{4 x_i\, \alpha/|B|}{2 - \alpha\Omega_i}, \qquad \tilde g_i^2 = 4x_i^2/\kappa_i^2

    so σ_i² → 2x_i α/\|B\| for small α (the source writes √(x_i α/\|B\|) in one place). Both noises together double it.
    Persistent chains of k Gibbs sweeps remember a mode by ρ = (x_i/μ²)^2k a step, which multiplies it by
    (1 + ρ)/(1 − ρ) where learning is slow beside the chains.

    :param learning_rate: α.
    :param batch_size: \|B\|, samples a step.
    :param noise: what is sampled, "data", "model", "both" or "pcd", as in :func:`simulate`.
    :param gibbs_steps: k, sweeps of a persistent chain in a step.
    :param finite_step: keep the factor 2/(2 − αΩ); without it the leading order in α.
    :param kernel: the target's kernel, symmetric positive definite, (N_v, N_v); by default :func:`lattice_kernel`.
    :param hidden: N_h; by default N_v.
    :param mu2: μ².
    :param sigma_h: σ_h.
    :raises ValueError: for an argument outside its range, or a kernel that cannot be learnt.
    """
    aim = target(kernel=kernel, hidden=hidden, mu2=mu2, sigma_h=sigma_h)
    check_noise(noise, batch_size, gibbs_steps)
    rates = aim.rates(learning_rate)
    refuse_unstable(rates, learning_rate)
    variance = 2.0 * aim.x * learning_rate * aim.sigma_h2 / batch_size
    if finite_step:
        variance = variance * 2.0 / (2.0 - rates)
    if noise == "both":
        variance = 2.0 * variance
    if noise == "pcd":
        memory = (aim.x / aim.mu2) ** (2 * gibbs_steps)
        variance = variance * (1.0 + memory) / (1.0 - memory)
    return np.sqrt(variance)


def relaxation_times(
    *,
    learning_rate: float,
    kernel: ArrayLike | None = None,
    hidden: int | None = None,
    mu2: float = 9.0,
    sigma_h: float = 1.0,
) -> Float[np.ndarray, " level"]:
    """Steps in which a small deviation of x_i is forgotten by a factor e: −1/ln\\|1 − αΩ_i\\|, as :func:`targets`.

    :param learning_rate: α.
    :param kernel: the target's kernel, symmetric positive definite, (N_v, N_v); by default :func:`lattice_kernel`.
    :param hidden: N_h; by default N_v.
    :param mu2: μ².
    :param sigma_h: σ_h.
    :raises ValueError: for an argument outside its range, or a learning rate at which training diverges.
    """
    rates = target(kernel=kernel, hidden=hidden, mu2=mu2, sigma_h=sigma_h).rates(learning_rate)
    refuse_unstable(rates, learning_rate)
    return relaxation_time(1.0 - rates)


def displacements(
    *,
    learning_rate: float,
    batch_size: int,
    noise: str = "data",
    kernel: ArrayLike | None = None,
    mu2: float = 9.0,
    sigma_h: float = 1.0,
) -> Float[np.ndarray, " level"]:
    r"""Shift of the mean of each level from its target, to first order in α/\|B\| and for small α, units of x.

    .. math:: \Delta_i = -\frac{\alpha}{2|B|} \Bigl[ \sum_j (1 + \delta_{ij}) \frac{\mu^2 + x_j}{\mu^2 - x_j}
        - \sum_{j:\, x_j \ne x_i} \frac{x_i + x_j}{x_i - x_j} \Bigr]

    Stationarity of ⟨X⟩ to second order in the noise, and second-order level repulsion; of a degenerate level the mean
    of its pair. Not in the source, which names repulsion alone. Noise "both" doubles it; for "pcd" it is not known.

    :param learning_rate: α.
    :param batch_size: \|B\|, samples a step.
    :param noise: "data", "model" or "both", as in :func:`simulate`.
    :param kernel: the target's kernel, symmetric positive definite, (N_v, N_v); by default :func:`lattice_kernel`.
    :param mu2: μ².
    :param sigma_h: σ_h.
    :raises ValueError: for an argument outside its range, noise whose shift is not known, or a learning rate at which
        training diverges.
    """
    aim = target(kernel=kernel, mu2=mu2, sigma_h=sigma_h)
    check_noise(noise, batch_size)
    if noise == "pcd":
        raise ValueError("noise: expected 'data', 'model' or 'both' for displacements, got 'pcd'")
    refuse_unstable(aim.rates(learning_rate), learning_rate)
    x = aim.x
    apart = x[:, None] - x
    other = np.abs(apart) > 1e-9 * aim.mu2
    repulsion = np.where(other, (x[:, None] + x) / np.where(other, apart, 1.0), 0.0).sum(axis=1)
    growth = (aim.mu2 + x) / (aim.mu2 - x)
    strength = learning_rate * aim.sigma_h2 / batch_size * (2.0 if noise == "both" else 1.0)
    return -0.5 * strength * (growth.sum() + growth - repulsion)


def check_noise(noise: str, batch_size: int, gibbs_steps: int = 1) -> None:
    """Refuse what is no noise."""
    one_of(NOISES, noise=noise)
    whole(batch_size=batch_size, gibbs_steps=gibbs_steps)


def refuse_unstable(rates: np.ndarray, learning_rate: float) -> None:
    """Refuse learning rates at which training diverges even without noise."""
    positive(learning_rate=learning_rate)
    if rates.max() >= 2:
        raise ValueError(
            f"learning_rate: training diverges; expected below 2/max Ω = {2 * learning_rate / rates.max():.4g}, "
            f"got {learning_rate!r}"
        )
