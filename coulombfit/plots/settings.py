"""Figures over several training settings (Fig. 3)."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from coulombfit.checks.displacement import Displacement
from coulombfit.checks.scaling import Scaling
from coulombfit.result import INTERVAL

__all__ = ["displacement", "scaling"]

# One colour (Okabe and Ito's) a level, and again.
COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00")
LINES = ("-", "--", ":", "-.")
GRID = 100


def scaling(result: Scaling) -> Figure:
    """Widths of every setting and level against √(α/\\|B\\|), and the same on logarithmic axes with σ over the rule.

    Points are σ from the data of one setting, divided by the known factor, with one standard deviation. Lines are the
    linear rule with the posterior's amplitudes and both exponents 1. On the right, σ over the rule with the exponents
    inferred: bars hold sampling errors, the grey band is the scatter τ between settings. Points that leave it with a
    trend, or by more than their number allows, are alarming.
    """
    figure = Figure(figsize=(10, 4), layout="constrained")
    left, right = figure.subplots(1, 2)
    table = result.levels.reset_index()
    root = np.sqrt(table["learning_rate"] / table["batch_size"])
    across = np.linspace(0.0, 1.05 * root.max(), GRID)
    levels = sorted(table["level"].unique())
    for k in levels:
        colour, at = COLOURS[k % len(COLOURS)], table["level"] == k
        label = f"level {k}" if len(levels) > 1 else None
        sigma, sd = (table.loc[at, name] / table.loc[at, "factor"] for name in ("sigma", "sd"))
        left.errorbar(root[at], sigma, sd, fmt="o", markersize=4, color=colour, label=label)
        amplitude = result.tree["posterior"]["amplitude"].isel(level=k).to_numpy().ravel()
        lower, middle, upper = np.quantile(amplitude, [(1 - INTERVAL) / 2, 0.5, (1 + INTERVAL) / 2])
        left.fill_between(across, lower * across, upper * across, color=colour, alpha=0.25, linewidth=0)
        left.plot(across, middle * across, color=colour, linewidth=1)
        ratio = table.loc[at, "sigma"] / table.loc[at, "rule"]
        right.errorbar(
            root[at], ratio, ratio * table.loc[at, "sd"] / table.loc[at, "sigma"], fmt="o", markersize=4, color=colour
        )
    if "scatter" in result.table.index:
        tau = result.table.loc["scatter", "mean"]
        right.axhspan(np.exp(-tau), np.exp(tau), color="0.9", linewidth=0)
    right.axhline(1.0, color="0.6", linewidth=0.8)
    left.set(xlabel=r"$\sqrt{\alpha/|B|}$", ylabel=r"width over factor, $\sigma/f$", xlim=(0, None), ylim=(0, None))
    right.set(xlabel=r"$\sqrt{\alpha/|B|}$", ylabel=r"$\sigma$ over the rule", xscale="log")
    exponents = ", ".join(
        rf"$b_{{{symbol}}} = {row['mean']:.3f} \pm {row['sd']:.3f}$"
        for name, symbol in (("b_learning_rate", r"\alpha"), ("b_batch_size", "|B|"))
        if name in result.table.index
        for row in [result.table.loc[name]]
    )
    left.set_title(r"the rule $\sigma \propto \sqrt{\alpha/|B|}$", fontsize="medium")
    right.set_title(exponents, fontsize="medium")
    if len(levels) > 1:
        left.legend(frameon=False)
    return figure


def displacement(result: Displacement, ax: Axes | None = None) -> Axes:
    """Centres of every level less their limit, against α/\\|B\\|, with each prediction as a line.

    Points are means over runs less the posterior's limit, with one standard error; bands the posterior.
    """
    if ax is None:
        ax = Figure(figsize=(6.5, 4.2), layout="constrained").subplots()
    g = result.settings.strength
    across = np.linspace(0.0, 1.05 * g.max(), GRID)
    posterior = result.tree["posterior"]
    for k, row in result.table.iterrows():
        colour = COLOURS[int(k) % len(COLOURS)]
        error = np.sqrt(result.settings.covariance[:, k, k])
        shifted = result.settings.centre[:, k] - row["limit"]
        ax.errorbar(g, shifted, error, fmt="o", markersize=4, color=colour, label=f"{row['limit']:.4g}")
        slope, bend = (
            posterior[name].isel(level=k).to_numpy().ravel()[:, None] if name in posterior else 0.0
            for name in ("slope", "curvature")
        )
        lower, upper = np.quantile(slope * across + bend * across**2, [(1 - INTERVAL) / 2, (1 + INTERVAL) / 2], axis=0)
        ax.fill_between(across, lower, upper, color=colour, alpha=0.2, linewidth=0)
        for name, line in zip(result.predictions, LINES, strict=False):
            ax.plot(across, row[name] * across, color=colour, linestyle=line, linewidth=1)
    for name, line in zip(result.predictions, LINES, strict=False):
        ax.plot([], [], color="0.3", linestyle=line, linewidth=1, label=name)
    ax.axhline(0.0, color="0.6", linewidth=0.8)
    ax.set(xlabel=r"$\alpha/|B|$", ylabel="centre less its limit", xlim=(0, None))
    ax.legend(frameon=False, fontsize="small", ncols=2)
    return ax
