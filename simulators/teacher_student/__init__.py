"""Teacher-student training of a network with one hidden layer, f(x; W) = Z a(W x) (Eqs. 13 to 28).

The student W learns the teacher W_t through a fixed second layer Z, from inputs x ~ N(0, I). With the mini-batch
average of the inputs replaced by its mean (Eq. 16) and a linear network, an update is

    W ← W + α ZᵀZ (W_t − W − η),    η_ij ~ N(0, noise²/|B|) anew at every step,                               (Eq. 28)

where noise is the standard deviation of one sample's gradient noise. True mini-batches and the activations tanh and
relu are options, and keep η. Conventions: W is M × N, the eigenvalues x of X = WᵀW flow to the teacher's κ_i.
"""

from simulators.teacher_student.functions import displacement, relaxation_times, steps_to_stationarity, widths
from simulators.teacher_student.setting import TeacherStudent
from simulators.teacher_student.theory import learning_curve
from simulators.teacher_student.training import Z_EQ26, Z_EQ27, simulate

__all__ = [
    "Z_EQ26",
    "Z_EQ27",
    "TeacherStudent",
    "displacement",
    "learning_curve",
    "relaxation_times",
    "simulate",
    "steps_to_stationarity",
    "widths",
]
