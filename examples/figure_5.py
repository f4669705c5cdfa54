# %% [markdown]
"""Spectral density of students with a hidden layer, beside three laws with the widths of linear response.

Figure 5 of the source, which fits Eqs. 11 and 32. Here nothing is fitted: σ₁ and σ₂ follow from Z, learning rate and
noise. The labelled gas of two species (Eq. 32) then misses the histogram; the anisotropic pair does not.

    python examples/figure_5.py --runs 5000
"""

# %%
import argparse
import os
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from scipy import stats

import coulombfit as cf
from coulombfit import plots
from coulombfit.answers.numbers import probability
from simulators import teacher_student

SMOKE = os.environ.get("COULOMBFIT_SMOKE") == "1"  # small, to see that it runs
LAYERS = {"Eq. 26": teacher_student.Z_EQ26, "Eq. 27": teacher_student.Z_EQ27}

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--runs", type=int, default=300 if SMOKE else 5000, help="number of students")
parser.add_argument("--out", type=Path, default=Path("figure_5.png"), help="the figure to write")
arguments = parser.parse_args([] if "ipykernel" in sys.modules else None)  # a notebook has no command line

# %% [markdown]
# Train students with either layer, and put three laws beside their levels, none of them fitted.

# %%
figure, panels = plt.subplots(1, 2, figsize=(10, 3.8), layout="constrained")
for axes, (name, z) in zip(panels, LAYERS.items(), strict=True):
    x = teacher_student.simulate(Z=z, runs=arguments.runs, steps=8000, seed=0).eigenvalues[:, -1]
    wide, narrow = (float(width) for width in teacher_student.widths(Z=z))
    sigma_m = float(np.sqrt(0.5 * (wide**2 + narrow**2)))
    centre = 4.0 + teacher_student.displacement(Z=z)
    laws = {
        "one-species": ("one species (Eq. 11)", cf.laws.OneSpeciesDensity(centre, sigma_m)),
        "two-species": ("two species (Eq. 32)", cf.laws.TwoSpeciesDensity(centre, wide, narrow)),
        "anisotropic": ("anisotropic pair", cf.laws.AnisotropicDensity(centre, wide, narrow)),
    }
    axes.hist(x.ravel(), 120, density=True, color="0.75", label=f"{arguments.runs} students")
    grid = np.linspace(-5, 5, 600) * sigma_m + centre
    one_level = np.where(np.random.default_rng(0).random(len(x)) < 0.5, x[:, 0], x[:, 1])
    for model, (label, law) in laws.items():
        axes.plot(grid, np.exp(np.asarray(law.log_prob(grid))), label=label, **plots.model_style(model))
        test = stats.kstest(one_level, lambda value, law=law: np.asarray(law.cdf(value)))
        print(f"{name}, {label}: Kolmogorov-Smirnov p {probability(test.pvalue)}")
    spacing = x[:, 0] - x[:, 1]
    print(f"{name}: mean spacing {spacing.mean():.5f}, sqrt(pi) sigma_m {np.sqrt(np.pi) * sigma_m:.5f} (Eq. 31)")
    axes.set(xlabel="eigenvalue $x$", ylabel=r"density $\rho(x)$, units of $1/x$", title=f"Z of {name}")
panels[0].legend(frameon=False, fontsize="small", loc="upper left")
plots.savefig(figure, arguments.out, "page")
print(f"saved {arguments.out}")
