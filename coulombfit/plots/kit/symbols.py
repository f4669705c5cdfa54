"""Parameters as they are written on axes."""

from __future__ import annotations

from collections.abc import Iterable

from coulombfit.models.parameters import Parameter, find_parameter
from coulombfit.plots.kit.names import legible

__all__ = ["ALPHA_OVER_B", "DENSITY", "EIGENVALUE", "SPACING", "symbol"]

EIGENVALUE = "eigenvalue $x$"
SPACING = "spacing $S = x_1 - x_2$, units of $x$"
DENSITY = r"density $\rho(x)$, units of $1/x$"
ALPHA_OVER_B = r"$\alpha/|B|$"


def symbol(parameter: str, reports: Iterable[Parameter] = ()) -> str:
    """A parameter as mathematics; of a cluster with its number. One that is not known is named as it is.

    :param parameter: as in a table.
    :param reports: of the model.
    """
    written, index = find_parameter(parameter, reports).symbol, parameter.partition("[")[2]
    if not written:
        return legible(parameter)
    return f"${written}$" if not index else f"${written}$ of cluster {index.removesuffix(']')}"
