"""coulombfit: Bayesian inference of what stochastic gradient descent leaves in the spectra of weight matrices."""

from coulombfit import laws
from coulombfit.checks.calibration import Calibration, calibrate
from coulombfit.checks.comparison import Comparison, compare
from coulombfit.checks.consistency import Consistency, width_consistency
from coulombfit.checks.displacement import Displacement, displacement
from coulombfit.checks.evidence import Evidence, evidence, savage_dickey
from coulombfit.checks.gradients import WidthPrediction, predict_width
from coulombfit.checks.learning import LearningCurve, learning_curve
from coulombfit.checks.noise import NoiseScaling, noise_scaling
from coulombfit.checks.scaling import Scaling, scaling
from coulombfit.diagnostics import Diagnosis, diagnose
from coulombfit.errors import DataError
from coulombfit.inference import fit
from coulombfit.models import MODELS, Model
from coulombfit.reading import read
from coulombfit.report import write_report
from coulombfit.result import Fit
from coulombfit.sampler import Sampling
from coulombfit.spectra import Spectra

__all__ = [
    "MODELS",
    "Calibration",
    "Comparison",
    "Consistency",
    "DataError",
    "Diagnosis",
    "Displacement",
    "Evidence",
    "Fit",
    "LearningCurve",
    "Model",
    "NoiseScaling",
    "Sampling",
    "Scaling",
    "Spectra",
    "WidthPrediction",
    "calibrate",
    "compare",
    "diagnose",
    "displacement",
    "evidence",
    "fit",
    "laws",
    "learning_curve",
    "noise_scaling",
    "predict_width",
    "read",
    "savage_dickey",
    "scaling",
    "width_consistency",
    "write_report",
]
