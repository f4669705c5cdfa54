"""Every figure. Functions take and return matplotlib axes, never show, and leave styles and backends alone."""

from coulombfit.plots.fits import calibration, density, laws, levels, ranks, spacing
from coulombfit.plots.predictive import predictive
from coulombfit.plots.settings import displacement, scaling

__all__ = ["calibration", "density", "displacement", "laws", "levels", "predictive", "ranks", "scaling", "spacing"]
