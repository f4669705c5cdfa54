"""Simulators of weight-matrix dynamics in JAX, each producing eigenvalue samples of shape (run, snapshot, level)."""

from simulators import dyson, ensembles, gaussian_rbm, teacher_student
from simulators.trajectory import Diverged, Trajectory

__all__ = ["Diverged", "Trajectory", "dyson", "ensembles", "gaussian_rbm", "teacher_student"]
