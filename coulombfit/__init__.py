"""coulombfit: Bayesian inference of what stochastic gradient descent leaves in the spectra of weight matrices."""

from coulombfit import laws
from coulombfit.checks.calibration import Calibration, calibrate
from coulombfit.checks.comparison import Comparison, compare
from coulombfit.checks.consistency import Consistency, width_consistency
from coulombfit.checks.displacement import Displacement, displacement
from coulombfit.checks.evidence import Evidence, evidence, savage_dickey
from coulombfit.checks.gradients import WidthPrediction, predict_width
from coulombfit.checks.learning import LearningCurve, learning_curve
from coulombfit.checks.moments import Moments, moments, predicted_moments
from coulombfit.checks.noise import NoiseScaling, noise_scaling
from coulombfit.checks.predictive import PredictiveCheck, predictive
from coulombfit.checks.scaling import Scaling, scaling
from coulombfit.checks.snapshots import Stationarity, stationarity
from coulombfit.diagnostics import Diagnosis, diagnose
from coulombfit.errors import DataError
from coulombfit.inference import fit
from coulombfit.many import ManyFits, fit_many
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
    "ManyFits",
    "Model",
    "Moments",
    "NoiseScaling",
    "PredictiveCheck",
    "Sampling",
    "Scaling",
    "Spectra",
    "Stationarity",
    "WidthPrediction",
    "calibrate",
    "compare",
    "diagnose",
    "displacement",
    "evidence",
    "fit",
    "fit_many",
    "laws",
    "learning_curve",
    "moments",
    "noise_scaling",
    "predict_width",
    "predicted_moments",
    "predictive",
    "read",
    "savage_dickey",
    "scaling",
    "stationarity",
    "width_consistency",
    "write_report",
]
