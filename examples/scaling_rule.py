# %% [markdown]
"""Does the width follow the linear scaling rule √(α/|B|)? Over files of trained weights, one a setting.

Takes .npz files with arrays W (run, snapshot, M, N), lr, batch_size and noise, like the public teacher-student data
released with arXiv:2407.16427 (Zenodo 10.5281/zenodo.13310439), whose runs share their inputs:

    python examples/scaling_rule.py TSmodel_lr*.npz

Without files it trains such students. What settings scatter beyond sampling, the runs of each having the same inputs,
is part of the model; the last lines show what the interval would be without.
"""

# %%
import argparse
import os
import sys
from pathlib import Path

import matplotlib.pyplot as plt

import coulombfit as cf
from coulombfit import plots
from simulators import teacher_student

SMOKE = os.environ.get("COULOMBFIT_SMOKE") == "1"  # small, to see that it runs
SETTINGS = [(0.1, 16), (0.2, 16), (0.1, 8), (0.1, 4), (0.1, 32), (0.4, 16)][: 3 if SMOKE else 6]

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("files", nargs="*", type=Path, help=".npz files of weights")
parser.add_argument(
    "--runs", type=int, default=100 if SMOKE else 3000, help="students in each setting, where there are no files"
)
parser.add_argument("--out", type=Path, default=Path("scaling_rule.png"), help="the figure to write")
arguments = parser.parse_args([] if "ipykernel" in sys.modules else None)  # a notebook has no command line

# %% [markdown]
# Read the files, or train students of several settings, those of each setting on the same mini-batches.

# %%
names = {"weights": "W", "learning_rate": "lr", "batch_size": "batch_size", "factor": "noise"}
spectra = [cf.read(file, **names) for file in arguments.files]
for seed, (rate, batch) in enumerate([] if spectra else SETTINGS):
    run = teacher_student.simulate(
        learning_rate=rate, batch_size=batch, batches="shared", runs=arguments.runs, steps=500, seed=seed
    )
    spectra.append(cf.Spectra(run.eigenvalues[:, -1], rate, batch, name=f"α {rate}, |B| {batch}"))

# %% [markdown]
# Infer both exponents.

# %%
sampling = cf.Sampling(chains=2, warmup=200, draws=200) if SMOKE else cf.Sampling()
result = cf.scaling(spectra, curvature=1.0, sampling=sampling)
print(result.summary())

# %%
figure, panels = plt.subplots(1, 3, figsize=(11, 3.6), layout="constrained")
plots.scaling(result, panels)
plots.savefig(figure, arguments.out, "page")
print(f"saved {arguments.out}")

# %% [markdown]
# What the intervals would be if settings could not scatter.

# %%
naive = cf.scaling(spectra, curvature=1.0, scatter=False, sampling=sampling)
for name, row in naive.table.loc[naive.rule.index].iterrows():
    print(f"without scatter {name} would be {row['mean']:.3f} ± {row['sd']:.3f}")
