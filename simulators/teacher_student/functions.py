"""What theory says of a setting, as functions of its arguments."""

from __future__ import annotations

from typing import Unpack

import numpy as np
from jaxtyping import Float

from simulators.engine.signatures import with_arguments
from simulators.teacher_student.arguments import LinearArguments, RelaxationArguments, StationarityArguments
from simulators.teacher_student.setting import TeacherStudent

__all__ = ["displacement", "relaxation_times", "steps_to_stationarity", "widths"]


@with_arguments(LinearArguments, TeacherStudent)
def widths(**setting: Unpack[LinearArguments]) -> Float[np.ndarray, " mode"]:
    """Linear-response widths of the levels of a linear student, as :meth:`TeacherStudent.widths`.

    :raises ValueError: for an argument outside its range, or α at which mean squares grow without bound.
    """
    return TeacherStudent(**setting).widths()


@with_arguments(LinearArguments, TeacherStudent)
def displacement(**setting: Unpack[LinearArguments]) -> float:
    """Shift of the mean of all levels from that of the teacher's, as :meth:`TeacherStudent.displacement`.

    :raises ValueError: as :func:`widths`.
    """
    return TeacherStudent(**setting).displacement()


@with_arguments(RelaxationArguments, TeacherStudent)
def relaxation_times(**setting: Unpack[RelaxationArguments]) -> Float[np.ndarray, " mode"]:
    """Steps in which a mode of training forgets its start by a factor e, as :meth:`TeacherStudent.relaxation_times`.

    :raises ValueError: for an argument outside its range, or an activated network whose response is not known.
    """
    return TeacherStudent(**setting).relaxation_times()


@with_arguments(StationarityArguments, TeacherStudent)
def steps_to_stationarity(**setting: Unpack[StationarityArguments]) -> float:
    """Steps after which the random start is forgotten, as :meth:`TeacherStudent.steps_to_stationarity`.

    :raises ValueError: as :func:`relaxation_times`.
    """
    return TeacherStudent(**setting).steps_to_stationarity()
