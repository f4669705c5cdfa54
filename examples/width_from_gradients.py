# %% [markdown]
"""The width of a level from its drift and its gradient noise (Eq. 9), with nothing fitted to the width.

Machines and students are watched on their way to stationarity, step by step: the regression of what a step changes on
where it starts gives Ω and g̃², and these the width that training will have, beside linear response.

    python examples/width_from_gradients.py --runs 128
"""

# %%
import argparse
import os
import sys
import warnings
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import coulombfit as cf
from coulombfit import plots
from simulators import gaussian_rbm, teacher_student

SMOKE = os.environ.get("COULOMBFIT_SMOKE") == "1"  # small, to see that it runs
PAIRS = (1, 3, 5, 7)  # the upper partner of each

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--runs", type=int, default=64 if SMOKE else 512, help="machines, and students")
parser.add_argument("--out", type=Path, default=Path("width_from_gradients.png"), help="the figure to write")
arguments = parser.parse_args([] if "ipykernel" in sys.modules else None)  # a notebook has no command line

# %% [markdown]
# Machines: the width of each degenerate level from 400 steps, fewer than it takes to reach that width.

# %%
setting = {"learning_rate": 0.05, "batch_size": 256}
with warnings.catch_warnings():
    warnings.simplefilter("ignore", UserWarning)  # runs are short on purpose
    run = gaussian_rbm.simulate(**setting, runs=arguments.runs, steps=400, save_every=1, seed=1)
targets, theory = gaussian_rbm.targets(), gaussian_rbm.widths(**setting)
predicted = {}
for k in PAIRS:
    x = run.eigenvalues[:, :, k : k + 2]
    predicted[k] = cf.predict_width(x[:, :-1], np.diff(x, axis=1), **setting)
    print(f"machines, x = {targets[k]:.3f}: {predicted[k].verdict} Linear response: {theory[k]:.4g}")

# %% [markdown]
# Students: the same, and the width that is inferred from their spectra.

# %%
setting = {"learning_rate": 0.1, "batch_size": 16}
with warnings.catch_warnings():
    warnings.simplefilter("ignore", UserWarning)
    run = teacher_student.simulate(**setting, runs=arguments.runs, steps=150, save_every=1, seed=2)
x = run.eigenvalues[:, 100:]
found = cf.predict_width(x[:, :-1], np.diff(x, axis=1), **setting)
inferred = cf.fit(x[:, -1], "one-species", sampler="laplace", progress=False)
response = float(teacher_student.widths(**setting)[0])
print(f"students: {found.verdict} Linear response: {response:.4g}")
print(found.compare(inferred).verdict)

# %% [markdown]
# Left, predictions for machines, median and 90 % interval, over linear response. Right, students: the prediction from
# their steps and the posterior from their spectra.

# %%
figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.8), layout="constrained")
for index, (k, one) in enumerate(predicted.items()):
    looks, row = plots.level_style(index, len(PAIRS)), one.table.loc["sigma"] / theory[k]
    reach = [[row["median"] - row["lower"]], [row["upper"] - row["median"]]]
    left.errorbar(targets[k], row["median"], reach, fmt=looks["marker"], color=looks["color"], capsize=3)
left.axhline(1.0, color="0.5", linewidth=0.8)
left.set(xlabel="level $x$", ylabel=r"predicted $\sigma$ over linear response", title="machines")
draws = found.tree["posterior"]["sigma"].to_numpy().ravel()
style = plots.model_style("one-species")
right.hist(draws[np.isfinite(draws)], 40, density=True, color="0.75", label="from steps (Eq. 9)")
posterior = inferred.tree["posterior"]["sigma"].to_numpy().ravel()
right.hist(posterior, 40, density=True, histtype="step", label="from spectra, one species", **style)
right.axvline(response, color="black", linewidth=0.8, label="linear response")
right.set(xlabel=r"width $\sigma$, units of $x$", ylabel="posterior density", title="students")
right.set_ylim(0, 1.5 * right.get_ylim()[1])
right.legend(frameon=False, fontsize="small", loc="upper left")
plots.savefig(figure, arguments.out, "page")
print(f"saved {arguments.out}")
