"""Every figure. Functions take and return matplotlib axes, never show, and leave styles and backends alone.

Those of one panel take ``ax``, those of several take ``axes``, which they return as an array (panel,). Without, they
draw on a new figure outside pyplot, ``ax.figure``. :func:`savefig` writes figures for journals. Colours are those of
models: :func:`styles`.
"""

from coulombfit.plots.comparison import comparison, evidence
from coulombfit.plots.fits import density, laws, levels, residuals, spacing
from coulombfit.plots.kit.palette import level_style, model_style, styles
from coulombfit.plots.kit.saving import require_figure, savefig
from coulombfit.plots.posterior import corner
from coulombfit.plots.predictive import predictive
from coulombfit.plots.ranks import calibration, pit, ranks
from coulombfit.plots.settings import displacement, scaling
from coulombfit.plots.study import mean_spacing, stacked_densities, study, surmise
from coulombfit.plots.training import learning_curve, level_diagram
from coulombfit.plots.widths import widths

__all__ = [
    "calibration",
    "comparison",
    "corner",
    "density",
    "displacement",
    "evidence",
    "laws",
    "learning_curve",
    "level_diagram",
    "level_style",
    "levels",
    "mean_spacing",
    "model_style",
    "pit",
    "predictive",
    "ranks",
    "require_figure",
    "residuals",
    "savefig",
    "scaling",
    "spacing",
    "stacked_densities",
    "study",
    "styles",
    "surmise",
    "widths",
]
