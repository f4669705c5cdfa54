"""Training of students as a function of all its arguments, and the second layers of the source."""

from __future__ import annotations

from typing import Unpack

import numpy as np

from simulators.engine.signatures import split_arguments, with_arguments
from simulators.engine.trajectory import Trajectory
from simulators.teacher_student.arguments import TrainingArguments
from simulators.teacher_student.setting import TeacherStudent

__all__ = ["Z_EQ26", "Z_EQ27", "simulate"]

Z_EQ26 = np.array([[-0.1727, -0.8341], [-0.0106, -0.7750]])
"""Second layer of Eq. 26; the eigenvalues of ZᵀZ are 1.31440 and 0.01189."""

Z_EQ27 = np.array([[-1.8198, 0.5861], [-0.6574, 0.0473]])
"""Second layer of Eq. 27; the eigenvalues of ZᵀZ are 4.06759 and 0.02201."""


@with_arguments(TrainingArguments, TeacherStudent, TeacherStudent.simulate)
def simulate(**setting: Unpack[TrainingArguments]) -> Trajectory:
    """Train an ensemble of students from W_ij ~ N(0, 1), as :meth:`TeacherStudent.simulate`.

    :raises ValueError: for an argument outside its range, or α beyond the stable range of a linear network with
        averaged inputs, 0 < α < 2(1 + γ)/λ_max.
    :raises Diverged: where every run diverged, as small batches may at an α that is stable on average.
    :raises OSError: where unfinished work cannot be written, as on a full disk; what was kept before stays.
    :warns UserWarning: where α is too large for batches as small; where runs diverged, which are left out; where the
        run is shorter than :func:`steps_to_stationarity`, or that is not known.
    """
    physics, schedule = split_arguments(setting, TeacherStudent)
    return TeacherStudent(**physics).simulate(**schedule)
