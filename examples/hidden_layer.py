# %% [markdown]
"""The widths that one hidden layer leaves, by every route from spectra to σ_m.

Linear students learn a degenerate teacher through a fixed second layer Z (Eqs. 26 to 28). Linear response gives both
widths without a fit. The labelled two-species gas, jointly or through its density (Eq. 32), beats one species and gets
the widths wrong; spacings alone get σ_m right; the anisotropic pair gets everything right.

    python examples/hidden_layer.py --layer eq26 --runs 5000
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
SAMPLER = "laplace" if SMOKE else "nuts"
LAYERS = {"eq26": teacher_student.Z_EQ26, "eq27": teacher_student.Z_EQ27}
ROUTES = {
    "spacings alone (Eq. 31)": ("one-species", "spacing"),
    "two-species, density (Eq. 32)": ("two-species", "density"),
    "two-species, joint law": ("two-species", "pair"),
    "anisotropic, joint law": ("anisotropic", "pair"),
}
if SMOKE:
    del ROUTES["two-species, density (Eq. 32)"]

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--layer", choices=LAYERS, default="eq26", help="the second layer Z of which equation")
parser.add_argument("--runs", type=int, default=200 if SMOKE else 5000, help="number of students")
parser.add_argument("--out", type=Path, default=Path("hidden_layer.png"), help="the figure to write")
arguments = parser.parse_args([] if "ipykernel" in sys.modules else None)  # a notebook has no command line

# %% [markdown]
# Train.

# %%
training = {"kappa": 4.0, "learning_rate": 0.1, "noise": 0.1}
students = teacher_student.simulate(Z=LAYERS[arguments.layer], **training, runs=arguments.runs, steps=8000, seed=0)
pair = cf.Spectra(students.eigenvalues[:, -1], learning_rate=0.1, name=f"Z of {arguments.layer}").pair()
theory = teacher_student.widths(Z=LAYERS[arguments.layer], **training)
sigma_m = np.sqrt(0.5 * np.sum(theory**2))
print(f"linear response: sigma_1 {theory[0]:.5f}, sigma_2 {theory[1]:.5f}, sigma_m {sigma_m:.5f}")

# %% [markdown]
# Fit by every route.

# %%
fits = {route: cf.fit(pair, *of, sampler=SAMPLER) for route, of in ROUTES.items()}
found = {}
for route, fit in fits.items():
    draws = fit.tree["posterior"]
    widths = [draws[name].to_numpy().ravel() for name in ("sigma_1", "sigma_2", "sigma_m") if name in draws]
    # of spacings, the one width is σ_m
    found[route] = widths[-1] if widths else draws["sigma"].to_numpy().ravel()
    shown = ", ".join(f"{each.mean():.5f} ± {each.std():.5f}" for each in widths or [found[route]])
    print(f"{route}: {shown}; {fit.diagnosis.verdict}")

# %% [markdown]
# Which law describes the levels, and which route finds σ_m?

# %%
laws = {model: fits[f"{model}, joint law"] for model in ("two-species", "anisotropic")}
laws = {"one-species": cf.fit(pair, "one-species", sampler=SAMPLER), **laws}
print(cf.compare(laws).verdict)

figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.8), layout="constrained")
plots.density(laws, left)
for route, style in plots.styles(fits).items():
    right.hist(found[route], 40, density=True, histtype="step", label=route, **style)
right.axvline(sigma_m, color="black", linewidth=0.8, label="linear response")
right.set(xlabel=r"mean width $\sigma_m$, units of $x$", ylabel="posterior density")
right.set_ylim(0, 1.6 * right.get_ylim()[1])
right.legend(frameon=False, fontsize="small", loc="upper left")
plots.savefig(figure, arguments.out, "page")
print(f"saved {arguments.out}")
