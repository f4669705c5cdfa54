"""Parameters as they are written on axes."""

from __future__ import annotations

from coulombfit.plots.kit.names import legible

__all__ = ["ALPHA_OVER_B", "DENSITY", "EIGENVALUE", "SPACING", "symbol"]

SYMBOLS = {
    "centre": "x_c",
    "sigma": r"\sigma",
    "sigma_1": r"\sigma_1",
    "sigma_2": r"\sigma_2",
    "sigma_m": r"\sigma_m",
    "r": "r",
    "mean_spacing": r"\langle S\rangle",
    "beta": r"\beta",
}
"""In units of x, but for r and β, which have none."""
EIGENVALUE = "eigenvalue $x$"
SPACING = "spacing $S = x_1 - x_2$, units of $x$"
DENSITY = r"density $\rho(x)$, units of $1/x$"
ALPHA_OVER_B = r"$\alpha/|B|$"


def symbol(parameter: str) -> str:
    """A parameter as mathematics; of a cluster with its number. One that is not known is named as it is."""
    name, _, index = parameter.partition("[")
    written = SYMBOLS.get(name)
    if written is None:
        return legible(parameter)
    return f"${written}$" if not index else f"${written}$ of cluster {index.removesuffix(']')}"
