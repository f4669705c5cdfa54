# %% [markdown]
"""Levels that are not degenerate: what trained matrices follow, and what they do not.

Linear students learn a teacher whose levels lie 1.7 to 3.3 widths apart (Eq. 28 without a hidden layer). Their levels
are those of a fixed matrix plus noise, model "levels". Sample means are displaced by repulsion; the Coulomb gas of
Eq. 7 with separate minima, which is Eq. 5 as it stands, repels twice too much and is as wrong, the other way.

    python examples/split_students.py --runs 2500
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
from simulators import teacher_student

SMOKE = os.environ.get("COULOMBFIT_SMOKE") == "1"  # small, to see that it runs

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--runs", type=int, default=60 if SMOKE else 2500, help="number of students")
parser.add_argument("--out", type=Path, default=Path("split_students.png"), help="the figure to write")
arguments = parser.parse_args([] if "ipykernel" in sys.modules else None)  # a notebook has no command line

# %% [markdown]
# Train. Theory has no free parameter: the noise of a weight has the variance v = σ²/4κ, and N of them add N v to κ.

# %%
setting = {"kappa": [4.32, 4.16, 4.0, 3.7], "learning_rate": 0.1, "noise": 0.1}
students = teacher_student.simulate(**setting, runs=arguments.runs, steps=400, seed=2)
spectra = cf.Spectra(students.eigenvalues[:, -1], learning_rate=0.1, name="students of a split teacher")
width = teacher_student.widths(**setting)
kappa = np.array(setting["kappa"])
theory = kappa + len(kappa) * width**2 / (4 * kappa)

# %% [markdown]
# Fit every level at once, by the law of a matrix and by Eq. 7.

# %%
fits = {"matrix law": cf.fit(spectra, "levels"), "gas (Eq. 7)": cf.fit(spectra, "gas", "conditionals")}
rows = {"means of samples": spectra.eigenvalues.mean(axis=0)}
rows |= {name: fit.parameters["centre"].mean(axis=(0, 1)) for name, fit in fits.items()}
print("centres less theory, in widths:")
for name, centre in rows.items():
    print(f"  {name:17}", " ".join(f"{off:+.2f}" for off in (centre - theory) / width))
print("widths over theory:")
for name, fit in fits.items():
    print(f"  {name:17}", " ".join(f"{ratio:.2f}" for ratio in fit.parameters["sigma"].mean(axis=(0, 1)) / width))
print(cf.compare(fits).verdict)

# %%
figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.8), layout="constrained")
plots.levels(fits, left)
for level in theory:
    left.axvline(level, ymax=0.82, color="black", linewidth=0.6, linestyle=":")
plots.widths(fits, right, predicted={"theory": (theory, width)})
plots.savefig(figure, arguments.out, "page")
print(f"saved {arguments.out}")
