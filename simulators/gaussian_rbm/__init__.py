"""Training of a Gaussian restricted Boltzmann machine on a Gaussian target (Eq. 10).

p(φ, h) ∝ exp(−½μ²φᵀφ − hᵀh/2σ_h² + φᵀWh), hence p(φ) ∝ exp(−½φᵀKφ) with K = μ² − σ_h²WWᵀ, which must stay positive
definite. One step of ascent on the likelihood is

    W ← W + α σ_h² (⟨φφᵀ⟩_target − ⟨φφᵀ⟩_model) W

where noise enters by |B| samples of the target, of the model, or of both, instead of the exact second moment.
Conventions: W is N_v × N_h; the spectrum is that of X = σ_h² WᵀW, and flows to x_i = μ² − κ_i.
"""

from simulators.gaussian_rbm.functions import displacements, relaxation_times, steps_to_stationarity, targets, widths
from simulators.gaussian_rbm.setting import GaussianRBM
from simulators.gaussian_rbm.theory import lattice_kernel
from simulators.gaussian_rbm.training import simulate

__all__ = [
    "GaussianRBM",
    "displacements",
    "lattice_kernel",
    "relaxation_times",
    "simulate",
    "steps_to_stationarity",
    "targets",
    "widths",
]
