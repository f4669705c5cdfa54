"""coulombfit: Bayesian inference of what stochastic gradient descent leaves in the spectra of weight matrices."""

from coulombfit import laws
from coulombfit.checks.calibration import Calibration, calibrate
from coulombfit.checks.comparison import Comparison, compare
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
    "DataError",
    "Diagnosis",
    "Fit",
    "Model",
    "Sampling",
    "Spectra",
    "calibrate",
    "compare",
    "diagnose",
    "fit",
    "laws",
    "read",
    "write_report",
]
