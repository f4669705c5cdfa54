from . import laws as laws
from . import plots as plots
from .checks.fits.calibration import Calibration as Calibration
from .checks.fits.calibration import calibrate as calibrate
from .checks.fits.comparison import Comparison as Comparison
from .checks.fits.comparison import compare as compare
from .checks.fits.evidence import Evidence as Evidence
from .checks.fits.evidence import evidence as evidence
from .checks.fits.evidence import savage_dickey as savage_dickey
from .checks.fits.predictive import PredictiveCheck as PredictiveCheck
from .checks.fits.predictive import predictive as predictive
from .checks.settings.displacement import Displacement as Displacement
from .checks.settings.displacement import displacement as displacement
from .checks.settings.scaling import scaling as scaling
from .checks.settings.scaling_result import Scaling as Scaling
from .checks.spectra.degeneracy import Degeneracy as Degeneracy
from .checks.spectra.degeneracy import degeneracy as degeneracy
from .checks.spectra.moments import Moments as Moments
from .checks.spectra.moments import moments as moments
from .checks.spectra.moments import predicted_moments as predicted_moments
from .checks.spectra.stationarity import Stationarity as Stationarity
from .checks.spectra.stationarity import stationarity as stationarity
from .checks.spectra.width_consistency import Consistency as Consistency
from .checks.spectra.width_consistency import width_consistency as width_consistency
from .checks.training.learning_curve import LearningCurve as LearningCurve
from .checks.training.learning_curve import learning_curve as learning_curve
from .checks.training.noise_scaling import NoiseScaling as NoiseScaling
from .checks.training.noise_scaling import noise_scaling as noise_scaling
from .checks.training.width_prediction import WidthPrediction as WidthPrediction
from .checks.training.width_prediction import predict_width as predict_width
from .data.reading.read import read as read
from .data.reading.read import read_layers as read_layers
from .data.reading.trajectories import read_trajectories as read_trajectories
from .data.recording.recorder import Recorder as Recorder
from .data.recording.store import recording as recording
from .data.spectra import Spectra as Spectra
from .data.trajectories import Trajectories as Trajectories
from .inference.convergence import Diagnosis as Diagnosis
from .inference.convergence import diagnose as diagnose
from .inference.fit import fit as fit
from .inference.fit_many import ManyFits as ManyFits
from .inference.fit_many import fit_many as fit_many
from .inference.fit_result import Fit as Fit
from .models import MODELS as MODELS
from .models import Model as Model
from .report import write_report as write_report
from .runtime.errors import ArgumentError as ArgumentError
from .runtime.errors import DataError as DataError
from .samplers.settings import Sampling as Sampling

__all__ = [
    "MODELS",
    "ArgumentError",
    "Calibration",
    "Comparison",
    "Consistency",
    "DataError",
    "Degeneracy",
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
    "Recorder",
    "Sampling",
    "Scaling",
    "Spectra",
    "Stationarity",
    "Trajectories",
    "WidthPrediction",
    "calibrate",
    "compare",
    "degeneracy",
    "diagnose",
    "displacement",
    "evidence",
    "fit",
    "fit_many",
    "laws",
    "learning_curve",
    "moments",
    "noise_scaling",
    "plots",
    "predict_width",
    "predicted_moments",
    "predictive",
    "read",
    "read_layers",
    "read_trajectories",
    "recording",
    "savage_dickey",
    "scaling",
    "stationarity",
    "width_consistency",
    "write_report",
]

__version__: str
