"""Spectra of trained Gaussian RBMs about their targets, and one degenerate level beside the Wigner "semicircle".

Figure 2 of the source. Lines are not fitted: targets, and Eq. 11 with the width of linear response at the centre of
perturbation theory.

    python examples/figure_2.py --runs 2000
"""

import argparse
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

import coulombfit as cf
from simulators import gaussian_rbm

SETTING = {"learning_rate": 0.05, "batch_size": 64}
LEVEL = 3  # of the pair at x = 3.618: its upper partner


def main() -> None:
    """Train, print, draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=2000, help="number of machines")
    parser.add_argument("--out", type=Path, default=Path("figure_2.png"), help="the figure to write")
    arguments = parser.parse_args()

    run = gaussian_rbm.simulate(**SETTING, runs=arguments.runs, steps=3500, seed=0)
    x, mu2 = run.eigenvalues[:, -1], 9.0
    pair = x[:, LEVEL : LEVEL + 2]
    sigma = float(gaussian_rbm.widths(**SETTING)[LEVEL])
    centre = float(gaussian_rbm.targets()[LEVEL] + gaussian_rbm.displacements(**SETTING)[LEVEL])
    deviation = pair - pair.mean()
    cumulant = (deviation**4).mean() / (3 * (deviation**2).mean() ** 2) - 1
    spacing = pair[:, 0] - pair[:, 1]
    print(f"centre {pair.mean():.4f}, perturbation theory {centre:.4f}, target {gaussian_rbm.targets()[LEVEL]:.4f}")
    print(f"width from <S²> {np.sqrt((spacing**2).mean() / 4):.4f}, linear response {sigma:.4f}")
    print(f"Binder cumulant {cumulant:.3f}, Wigner semicircle {-4 / 27:.3f} (Eq. 12), Gaussian 0")

    figure = Figure(figsize=(10, 3.8), layout="constrained")
    left, right = figure.subplots(1, 2)
    left.hist(mu2 - x.ravel(), 250, density=True, color="#56B4E9")
    for target in mu2 - gaussian_rbm.targets():
        left.axvline(target, color="black", linestyle="--", linewidth=0.8)
    left.set(xlabel=r"learnt eigenvalue $\lambda$", ylabel="spectral density", title="all levels and their targets")
    right.hist(mu2 - pair.ravel(), 60, density=True, color="#56B4E9")
    grid = np.linspace(-4.5, 4.5, 400) * sigma + centre
    density = np.exp(np.asarray(cf.laws.OneSpeciesDensity(centre, sigma).log_prob(grid)))
    right.plot(mu2 - grid, density, color="black", label="Eq. 11, not fitted")
    right.axvline(mu2 - gaussian_rbm.targets()[LEVEL], color="black", linestyle="--", linewidth=0.8, label="target")
    right.set(xlabel=r"learnt eigenvalue $\lambda$", title="one degenerate level", ylim=(0, 1.35 * density.max()))
    right.legend(frameon=False, loc="upper left")
    figure.savefig(arguments.out, dpi=150)
    print(f"saved {arguments.out}")


if __name__ == "__main__":
    main()
