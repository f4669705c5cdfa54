# %% [markdown]
"""What displaces the centres of a Gaussian RBM's levels? Slopes in α/|B| beside predictions without a parameter.

Figure 3 (left) of the source, which names the repulsion between levels: that of Eq. 7, or the half of it that levels of
a matrix have, from measured widths. Second-order perturbation theory of the update (``gaussian_rbm.displacements``) is
the third. Its part that is no repulsion, taken as known, leaves the question which repulsion there is besides.

    python examples/displacement.py --runs 3000
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
from simulators import dyson, gaussian_rbm

SMOKE = os.environ.get("COULOMBFIT_SMOKE") == "1"  # small, to see that it runs
SETTINGS = [(0.05, 256), (0.025, 256), (0.05, 128), (0.05, 512), (0.025, 128)][: 2 if SMOKE else 5]
LEVELS = [0, 1, 3, 5, 7, 9]  # one of each degenerate pair

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--runs", type=int, default=50 if SMOKE else 3000, help="machines in each setting")
parser.add_argument("--out", type=Path, default=Path("displacement.png"), help="the figure to write")
arguments = parser.parse_args([] if "ipykernel" in sys.modules else None)  # a notebook has no command line

# %% [markdown]
# Train all settings.

# %%
spectra, targets = [], gaussian_rbm.targets()
for seed, (rate, batch) in enumerate(SETTINGS):
    steps = int(np.ceil(gaussian_rbm.steps_to_stationarity(learning_rate=rate)))
    run = gaussian_rbm.simulate(
        learning_rate=rate, batch_size=batch, runs=arguments.runs, steps=steps, dtype="float32", seed=seed
    )
    spectra.append(cf.Spectra(run.eigenvalues[:, -1], rate, batch, targets, name=f"α {rate}, |B| {batch}"))

# %% [markdown]
# Infer slopes, and test all predictions; the same settings also tell whether widths follow the scaling rule.

# %%
slopes = gaussian_rbm.displacements(learning_rate=0.05, batch_size=512)[LEVELS] / (0.05 / 512)
found = cf.displacement(spectra, predictions={"perturbation theory": slopes}, quadratic=False)
print(found.summary())
repulsion = dyson.matrix_shift(targets, np.sqrt(2 * targets))[LEVELS]  # σ² = 2x α/|B|
print("besides curvature:", cf.displacement(spectra, besides=slopes - repulsion, quadratic=False).verdict)
if not SMOKE:
    x = targets[LEVELS]
    print(cf.scaling(spectra, curvature=2 * x / (9 - x) ** 2).verdict)

# %%
figure, axes = plt.subplots(layout="constrained")
plots.displacement(found, axes)
plots.savefig(figure, arguments.out, "page")
print(f"saved {arguments.out}")
