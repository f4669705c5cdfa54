from . import dyson as dyson
from . import ensembles as ensembles
from . import gaussian_rbm as gaussian_rbm
from . import mlp as mlp
from . import teacher_student as teacher_student
from .engine.schedule import Schedule as Schedule
from .engine.trajectory import Diverged as Diverged
from .engine.trajectory import Trajectory as Trajectory
from .gaussian_rbm.setting import GaussianRBM as GaussianRBM
from .mlp.result import MLPTrajectory as MLPTrajectory
from .mlp.setting import MLP as MLP
from .teacher_student.setting import TeacherStudent as TeacherStudent

__all__ = [
    "MLP",
    "Diverged",
    "GaussianRBM",
    "MLPTrajectory",
    "Schedule",
    "TeacherStudent",
    "Trajectory",
    "dyson",
    "ensembles",
    "gaussian_rbm",
    "mlp",
    "teacher_student",
]
