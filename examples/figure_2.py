# %% [markdown]
"""Spectra of trained Gaussian RBMs about their targets, and one degenerate level beside the Wigner "semicircle".

Figure 2 of the source. Lines are not fitted: targets, and Eq. 11 with the width of linear response at the centre of
perturbation theory.

    python examples/figure_2.py --runs 2000
"""

# %%
import argparse
import os
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import coulombfit as cf
from coulombfit import plots
from simulators import gaussian_rbm

SMOKE = os.environ.get("COULOMBFIT_SMOKE") == "1"  # small, to see that it runs
SETTING = {"learning_rate": 0.05, "batch_size": 64}
LEVEL = 3  # of the pair at x = 3.618: its upper partner
MU2 = 9.0

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--runs", type=int, default=100 if SMOKE else 2000, help="number of machines")
parser.add_argument("--out", type=Path, default=Path("figure_2.png"), help="the figure to write")
arguments = parser.parse_args([] if "ipykernel" in sys.modules else None)  # a notebook has no command line

# %% [markdown]
# Train, and compare one level with theory.

# %%
run = gaussian_rbm.simulate(**SETTING, runs=arguments.runs, steps=3500, seed=0)
spectra = cf.Spectra(run.eigenvalues[:, -1], **SETTING, targets=gaussian_rbm.targets(), name="machines")
pair = spectra.eigenvalues[:, LEVEL : LEVEL + 2]
target = float(gaussian_rbm.targets()[LEVEL])
sigma = float(gaussian_rbm.widths(**SETTING)[LEVEL])
centre = target + float(gaussian_rbm.displacements(**SETTING)[LEVEL])
deviation = pair - pair.mean()
cumulant = (deviation**4).mean() / (3 * (deviation**2).mean() ** 2) - 1
spacing = pair[:, 0] - pair[:, 1]
print(f"centre {pair.mean():.4f}, perturbation theory {centre:.4f}, target {target:.4f}")
print(f"width from <S²> {np.sqrt((spacing**2).mean() / 4):.4f}, linear response {sigma:.4f}")
print(f"Binder cumulant {cumulant:.3f}, Wigner semicircle {-4 / 27:.3f} (Eq. 12), Gaussian 0")

# %% [markdown]
# All levels and their targets on the left; on the right one degenerate level, and Eq. 11, which was not fitted.

# %%
figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.8), layout="constrained")
plots.level_diagram(spectra, left, mu2=MU2)
grid = np.linspace(-4.5, 4.5, 400) * sigma + centre
density = np.exp(np.asarray(cf.laws.OneSpeciesDensity(centre, sigma).log_prob(grid)))
right.hist(MU2 - pair.ravel(), 60, density=True, color="0.75", label=f"{arguments.runs} runs")
right.plot(MU2 - grid, density, label="Eq. 11, not fitted", **plots.model_style("one-species"))
right.axvline(MU2 - target, color="black", linestyle="--", linewidth=0.8, label="target")
right.set(xlabel=left.get_xlabel(), ylabel=left.get_ylabel(), ylim=(0, 1.5 * density.max()))
right.legend(frameon=False, fontsize="small", loc="upper left")
plots.savefig(figure, arguments.out, "page")
print(f"saved {arguments.out}")
