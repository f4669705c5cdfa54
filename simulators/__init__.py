"""Simulators of weight-matrix dynamics in JAX, each producing eigenvalue samples of shape (run, snapshot, level)."""

from simulators import dyson, ensembles, teacher_student
from simulators.training import Trajectory

__all__ = ["Trajectory", "dyson", "ensembles", "teacher_student"]
