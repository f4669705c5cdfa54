"""Simulators of weight-matrix dynamics in JAX, each producing eigenvalue samples of shape (run, snapshot, level)."""

from simulators import ensembles, teacher_student
from simulators.training import Trajectory

__all__ = ["Trajectory", "ensembles", "teacher_student"]
