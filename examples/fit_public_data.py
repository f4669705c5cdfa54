# %% [markdown]
"""Fit a file of trained weights: one species, its rivals, a verdict and a figure.

Takes the path of an .npz file with arrays W (run, snapshot, M, N), lr and batch_size, like the public teacher-student
data released with arXiv:2407.16427 (Zenodo 10.5281/zenodo.13310439):

    python examples/fit_public_data.py TSmodel_lr0.1n0.1bs16.npz

Without a path it makes such a file by simulating the same training.
"""

# %%
import argparse
import os
import sys
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import coulombfit as cf
from coulombfit import plots
from simulators import teacher_student

SMOKE = os.environ.get("COULOMBFIT_SMOKE") == "1"  # small, to see that it runs

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("path", nargs="?", type=Path, help="an .npz file of weights")
parser.add_argument("--out", type=Path, default=Path("public_data.png"), help="the figure to write")
arguments = parser.parse_args([] if "ipykernel" in sys.modules else None)  # a notebook has no command line

# %% [markdown]
# Read the file, or make one: weights of simulated students whose spectra we know.

# %%
names = {"weights": "W", "learning_rate": "lr", "batch_size": "batch_size"}
with tempfile.TemporaryDirectory() as folder:
    path = arguments.path
    if path is None:
        path = Path(folder) / "students.npz"
        run = teacher_student.simulate(learning_rate=0.1, batch_size=16, runs=200, steps=500, save_every=250)
        np.savez(path, W=np.sqrt(run.eigenvalues)[..., None] * np.eye(2), lr=0.1, batch_size=16)
    pair = cf.read(path, **names).pair(0)

# %% [markdown]
# Fit and compare.

# %%
sampler = "laplace" if SMOKE else "nuts"
fits = {model: cf.fit(pair, model, sampler=sampler) for model in ("gaussian", "one-species", "two-species")}
print(fits["one-species"].summary())
print(cf.compare(fits).verdict)

# %% [markdown]
# Density with residuals, and spacing; bands are posteriors.

# %%
places = [["density", "spacing"], ["residuals", "spacing"]]
figure, panels = plt.subplot_mosaic(places, figsize=(10, 5), height_ratios=(2, 1), layout="constrained")
panels["residuals"].sharex(panels["density"])
plots.laws(fits, [panels["density"], panels["residuals"], panels["spacing"]])
panels["density"].set_xlabel("")
plots.savefig(figure, arguments.out, "page")
print(f"saved {arguments.out}")
