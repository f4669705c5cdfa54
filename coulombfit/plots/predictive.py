"""What a posterior predictive check has found."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from matplotlib.axes import Axes

from coulombfit.answers.numbers import probability
from coulombfit.checks.fits.predictive import PredictiveCheck
from coulombfit.plots.kit.axes import Panels, given_axes, new_figure, own_lettering
from coulombfit.plots.kit.palette import grey, text_colour
from coulombfit.plots.ranks import pit

__all__ = ["predictive"]

BINS = 30
LABELS = {
    "level density": "distance of levels\nfrom the law",
    "spacing": "distance of spacings\nfrom the law",
    "variance ratio": r"Var$\,x/\langle S^2\rangle$",
    "binder": "Binder cumulant $U_4$",
}


@own_lettering
def predictive(check: PredictiveCheck, axes: Iterable[Axes] | None = None) -> Panels:
    """Each quantity of the data (line) among those of replicated data (grey), and the transforms of the data.

    A line out in a tail of its histogram is alarming. The transforms are those of :func:`pit`, in the last panels.

    :param check: what :func:`coulombfit.predictive` has found.
    :param axes: one for every quantity with a p-value, at most four, and one for every variable of
        ``check.tree["pit"]``, at most two.
    :raises ValueError: for another number of axes.
    """
    done = [name for name in LABELS if np.isfinite(check.table.loc[name, "p_value"])]
    transforms = [str(name) for name in check.tree["pit"].to_dataset()]
    panels = given_axes(axes, [*done, *(f"transforms of {name}" for name in transforms)])
    if panels is None:
        figure = new_figure(2, max(len(done), 2), 0.5, tall=1.2)
        above, below = figure.subfigures(2, 1)
        made = [*np.ravel(above.subplots(1, len(done))), *np.ravel(below.subplots(1, len(transforms), sharey=True))]
        panels = np.empty(len(made), dtype=object)
        panels[:] = made
    for ax, name in zip(panels, done, strict=False):
        replicated = check.tree["replicates"][name.replace(" ", "_")].to_numpy()
        ax.hist(replicated, BINS, color=grey(ax, 0.25), label="replicated")
        ax.axvline(check.table.loc[name, "observed"], color=text_colour(), label="data")
        p = probability(check.table.loc[name, "p_value"])
        ax.set(xlabel=LABELS[name], ylabel="replicates", yticks=[], title=f"p {p}")
    panels[0].legend(framealpha=0.8, edgecolor="none", fontsize="x-small", handlelength=1.0)
    pit(check, panels[len(done) :])
    if axes is None:
        for ax in [*panels[1 : len(done)], *panels[len(done) + 1 :]]:
            ax.set_ylabel("")
    return panels
