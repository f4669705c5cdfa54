"""A whole analysis from one file: data, fits, comparison, checks, scaling rule and report."""

from coulombfit.analysis.plan import Analysis, load
from coulombfit.analysis.run import Outcome, run

__all__ = ["Analysis", "Outcome", "load", "run"]
