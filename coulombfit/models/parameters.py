"""The numbers that models report: one table of how each is called, written and measured."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

__all__ = ["PARAMETERS", "Parameter", "find_parameter"]


@dataclass(frozen=True)
class Parameter:
    r"""A number that a model reports, or several of one name, one a cluster.

    :param name: in tables and files, "sigma_1".
    :param text: in a line of text, "σ₁"; the name by default.
    :param symbol: on axes, mathtext without its dollars, ``r"\sigma_1"``; the name, as text, by default.
    :param html: in reports, what it is and its symbol; the name by default.
    :param unit: "x" where it scales with the eigenvalues, "1" for a pure number.
    :param redundant: that it is a multiple of another: figures and calibration leave it out.
    :param quoted: that the verdict of a report names it.
    """

    name: str
    text: str = ""
    symbol: str = ""
    html: str = ""
    unit: Literal["x", "1"] = "x"
    redundant: bool = False
    quoted: bool = True


PARAMETERS = {
    one.name: one
    for one in (
        Parameter("centre", "centre", "x_c", "centre <i>x<sub>c</sub></i>"),
        Parameter("split", "δ", r"\delta", "split of the two centres <i>δ</i>"),
        Parameter("sigma", "σ", r"\sigma", "width <i>σ</i>"),
        Parameter("sigma_1", "σ₁", r"\sigma_1", "wider width <i>σ</i><sub>1</sub>"),
        Parameter("sigma_2", "σ₂", r"\sigma_2", "narrower width <i>σ</i><sub>2</sub>"),
        Parameter("sigma_m", "σ_m", r"\sigma_m", "mean width <i>σ<sub>m</sub></i>", quoted=False),
        Parameter(
            "r",
            "r",
            "r",
            "asymmetry <i>r</i> = (<i>σ</i><sub>1</sub>² − <i>σ</i><sub>2</sub>²) / 2<i>σ<sub>m</sub></i>²",
            unit="1",
            quoted=False,
        ),
        Parameter(
            "mean_spacing",
            "⟨S⟩",
            r"\langle S\rangle",
            "mean spacing ⟨<i>S</i>⟩ = √π <i>σ<sub>m</sub></i>",
            redundant=True,
            quoted=False,
        ),
        Parameter("beta", "β", r"\beta", "repulsion <i>β</i>", unit="1"),
        Parameter("memory", "a", "a", "memory <i>a</i> from snapshot to snapshot", unit="1", quoted=False),
        Parameter("rate", "αΩ", r"\alpha\Omega", "rate <i>αΩ</i> a step", unit="1", redundant=True),
        Parameter("noise", "g̃²", r"\tilde g^2", "noise <i>g̃</i>² (Eq. 9)", unit="1", redundant=True),
    )
}
"""Those of the models here, by name."""


def find_parameter(name: str, reports: Iterable[Parameter] = ()) -> Parameter:
    """A parameter by its name, without the number of a cluster: of a model's own, else of the table, else as it is.

    :param name: as in a table, "sigma" or "sigma[1]".
    :param reports: :attr:`coulombfit.models.Model.reports`.
    """
    stem = name.partition("[")[0]
    own = {one.name: one for one in reports}
    return own.get(stem) or PARAMETERS.get(stem) or Parameter(stem)
