"""What a posterior predictive check has found."""

from __future__ import annotations

import numpy as np
from arviz_stats.ecdf_utils import ecdf_pit
from matplotlib.figure import Figure

from coulombfit.checks.predictive import PredictiveCheck

__all__ = ["predictive"]

DATA, LAW = "#D55E00", "0.8"
ENVELOPE = 0.99
ENVELOPE_SIMULATIONS = 1000
LABELS = {
    "level density": "distance of levels from the law",
    "spacing": "distance of spacings from the law",
    "variance ratio": r"Var$\,x/\langle S^2\rangle$",
    "binder": "Binder cumulant $U_4$",
}


def predictive(check: PredictiveCheck) -> Figure:
    """Each quantity of the data (line) among those of replicated data (grey), and the transforms of the data.

    A line out in a tail of its histogram is alarming. Below, the probability integral transforms of spacings and levels
    as the difference of their distribution from uniform; the band holds independent uniform numbers with probability
    99 %, and is too wide for parameters that were fitted, and for levels that repel.
    """
    done = [name for name in LABELS if np.isfinite(check.table.loc[name, "p_value"])]
    figure = Figure(figsize=(0.4 + 2.9 * max(len(done), 2), 4.6), layout="constrained")
    above, below = figure.subfigures(2, 1, height_ratios=(1.15, 1.0))
    for ax, name in zip(np.atleast_1d(above.subplots(1, len(done))), done, strict=True):
        ax.hist(check.tree["replicates"][name.replace(" ", "_")], 30, color=LAW, label="replicated")
        ax.axvline(check.table.loc[name, "observed"], color=DATA, label="data")
        ax.set(xlabel=LABELS[name], yticks=[], title=f"p = {check.table.loc[name, 'p_value']:.2g}")
    above.axes[0].legend(frameon=False, fontsize="small")
    transforms = {str(name): values for name, values in check.tree["pit"].to_dataset().items()}
    for ax, (name, values) in zip(
        np.atleast_1d(below.subplots(1, len(transforms), sharey=True)), transforms.items(), strict=True
    ):
        at, share, lower, upper = ecdf_pit(values.to_numpy().ravel(), ENVELOPE, ENVELOPE_SIMULATIONS)
        ax.fill_between(at, lower - at, upper - at, color="0.88", linewidth=0)
        ax.axhline(0.0, color="0.6", linewidth=0.8)
        ax.plot(at, share - at, color=DATA)
        ax.set_xlabel(f"transform of {name}")
    below.axes[0].set_ylabel("ECDF − uniform")
    return figure
