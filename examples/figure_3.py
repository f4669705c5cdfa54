"""Centres and widths of Gaussian RBMs' levels over ten settings of learning rate and batch size.

Figure 3 of the source. Points are posteriors of the one-species law for each degenerate level; lines are not fitted:
second-order perturbation theory for the centres, where the source names repulsion between levels, and √(2x α/|B|) for
the widths.

    python examples/figure_3.py --runs 1000
"""

import argparse
import time
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

import coulombfit as cf
from simulators import gaussian_rbm

SETTINGS = [(rate, batch) for rate in (0.025, 0.05) for batch in (16, 32, 64, 128, 256)]
PAIRS = (1, 3, 5, 7)  # the upper partner of each
COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7")


def main() -> None:
    """Train, fit, print, draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=1000, help="number of machines in each setting")
    parser.add_argument("--out", type=Path, default=Path("figure_3.png"), help="the figure to write")
    arguments = parser.parse_args()

    begin = time.perf_counter()
    spectra = []
    for seed, (rate, batch) in enumerate(SETTINGS):
        steps = int(np.ceil(gaussian_rbm.steps_to_stationarity(learning_rate=rate)))
        run = gaussian_rbm.simulate(
            learning_rate=rate, batch_size=batch, runs=arguments.runs, steps=steps, dtype="float32", seed=seed
        )
        spectra.append(run.eigenvalues[:, -1])
    print(f"{len(SETTINGS)} settings of {arguments.runs} machines in {time.perf_counter() - begin:.1f} s")

    figure = Figure(figsize=(10, 4), layout="constrained")
    left, right = figure.subplots(1, 2)
    targets = gaussian_rbm.targets()
    strengths = np.geomspace(5e-5, 5e-3, 100)
    for k, colour in zip(PAIRS, COLOURS, strict=True):
        kappa, ratios, spacings = 9 - targets[k], [], []
        for (rate, batch), x in zip(SETTINGS, spectra, strict=True):
            fit = cf.fit(x[:, k : k + 2], "one-species", progress=False)
            centre, sigma = (fit.tree["posterior"][name].to_numpy() for name in ("centre", "sigma"))
            theory = gaussian_rbm.widths(learning_rate=rate, batch_size=batch)[k]
            ratios.append(sigma.mean() / theory)
            if batch >= 128:  # where corrections of order α/|B| are small
                spacings.extend((x[:, k] - x[:, k + 1]) / np.sqrt(targets[k] * rate / batch))
            print(
                f"x = {targets[k]:.3f}, learning rate {rate}, batch {batch}: sigma {sigma.mean():.5f} ± "
                f"{sigma.std():.5f}, linear response {theory:.5f}; centre {centre.mean():.4f} ± {centre.std():.4f}"
            )
            left.errorbar(
                rate / batch, (9 - centre.mean()) / kappa, centre.std() / kappa, fmt="o", markersize=4, color=colour
            )
            right.errorbar(np.sqrt(rate / batch), sigma.mean(), sigma.std(), fmt="o", markersize=4, color=colour)
        print(f"x = {targets[k]:.3f}: sigma over linear response from {min(ratios):.3f} to {max(ratios):.3f}")
        slope, error = np.mean(spacings), np.std(spacings) / np.sqrt(len(spacings))
        print(
            f"x = {targets[k]:.3f}: <S>/sqrt(x α/|B|) = {slope:.3f} ± {error:.3f}; sqrt(2π) = {np.sqrt(2 * np.pi):.3f}"
        )
        slope = gaussian_rbm.displacements(learning_rate=1e-6, batch_size=1)[k] / 1e-6
        left.plot(strengths, 1 - slope * strengths / kappa, color=colour, label=rf"$\kappa$ = {kappa:.3f}")
        right.plot(np.sqrt(strengths), np.sqrt(2 * targets[k] * strengths), color=colour)
    left.axhline(1, color="black", linewidth=0.8, linestyle="--")
    left.set(
        xscale="log", xlabel=r"$\alpha/|B|$", ylabel="centre over target", title="centres, and perturbation theory"
    )
    left.legend(frameon=False, loc="upper left")
    right.set(xlabel=r"$\sqrt{\alpha/|B|}$", ylabel=r"width $\sigma$", xlim=(0, None), ylim=(0, None))
    right.set_title(r"widths, and $\sqrt{2x\,\alpha/|B|}$")
    figure.savefig(arguments.out, dpi=150)
    print(f"saved {arguments.out}")


if __name__ == "__main__":
    main()
