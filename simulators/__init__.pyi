from . import dyson as dyson
from . import ensembles as ensembles
from . import gaussian_rbm as gaussian_rbm
from . import teacher_student as teacher_student
from .engine.trajectory import Diverged as Diverged
from .engine.trajectory import Trajectory as Trajectory

__all__ = ["Diverged", "Trajectory", "dyson", "ensembles", "gaussian_rbm", "teacher_student"]
