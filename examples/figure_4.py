# %% [markdown]
"""Learning curves of students with a hidden layer, beside Eq. 22 and the linear solution averaged over starts.

Figure 4 of the source, which fits the rates of Eq. 22. Here nothing is fitted: rates are the learning rate times the
eigenvalues of ZᵀZ. Eq. 22 takes singular vectors of student and teacher to agree, which those of a random start do not;
the average of the exact solution over starts, W(t) = W_t + (1 − αZᵀZ)^t (W_0 − W_t), does without.

    python examples/figure_4.py --runs 500
"""

# %%
import argparse
import os
import sys
import warnings
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from coulombfit import plots
from simulators import teacher_student

SMOKE = os.environ.get("COULOMBFIT_SMOKE") == "1"  # small, to see that it runs
LAYERS = {"Eq. 26": teacher_student.Z_EQ26, "Eq. 27": teacher_student.Z_EQ27}
ALPHA, KAPPA = 0.1, 4.0
STEPS, EVERY, STARTS = (1500, 50, 2000) if SMOKE else (5000, 10, 20_000)

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--runs", type=int, default=100 if SMOKE else 500, help="number of students")
parser.add_argument("--out", type=Path, default=Path("figure_4.png"), help="the figure to write")
arguments = parser.parse_args([] if "ipykernel" in sys.modules else None)  # a notebook has no command line

# %% [markdown]
# The solution without noise, averaged over Gaussian starts.


# %%
def averaged_solution(z: np.ndarray, steps: np.ndarray) -> np.ndarray:
    """Mean eigenvalues (step, level) without noise, over Gaussian starts."""
    values, modes = np.linalg.eigh(z.T @ z)
    teacher = np.sqrt(KAPPA) * np.eye(2)
    missing = np.random.default_rng(0).standard_normal((STARTS, 2, 2)) - teacher
    powers = (1 - ALPHA * values) ** steps[:, None]
    curves = []
    for power in powers:
        w = teacher + (modes * power) @ modes.T @ missing
        curves.append((np.linalg.svd(w, compute_uv=False) ** 2).mean(axis=0))
    return np.array(curves)


# %% [markdown]
# Train students with either layer, and draw 20 of them, their mean, Eq. 22 and the averaged solution.

# %%
figure, panels = plt.subplots(1, 2, figsize=(10, 3.8), layout="constrained", sharey=True)
for axes, (name, z) in zip(panels, LAYERS.items(), strict=True):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # learning, not stationarity, is what is looked at
        run = teacher_student.simulate(
            Z=z, kappa=KAPPA, learning_rate=ALPHA, runs=arguments.runs, steps=STEPS, save_every=EVERY, seed=0
        )
    mean = run.eigenvalues.mean(axis=0)
    # of the students and of the starts that the solution is averaged over
    error = run.eigenvalues.std(axis=0) * np.sqrt(1 / arguments.runs + 1 / STARTS)
    exact = averaged_solution(z, run.steps)
    # noise adds its own repulsion at the end, which the solution without noise does not have
    learning = run.steps <= 1000
    worst = np.max(np.abs(mean - exact)[learning] / error[learning])
    print(f"{name}: mean of {arguments.runs} students within {worst:.1f} standard errors of the averaged solution")
    fast, slow = teacher_student.relaxation_times(Z=z, learning_rate=ALPHA)
    print(f"{name}: relaxation times {fast:.1f} and {slow:.1f} steps")
    for level, relaxation in enumerate((fast, slow)):
        color = plots.level_style(level, 2)["color"]
        axes.plot(run.steps + 1, run.eigenvalues[:20, :, level].T, color=color, alpha=0.12, linewidth=0.7)
        axes.plot(run.steps + 1, mean[:, level], color=color, label=f"mean of {arguments.runs}, level {level + 1}")
        curve = teacher_student.learning_curve(run.steps, kappa=KAPPA, start=1.0, rate=1 / relaxation)
        axes.plot(run.steps + 1, curve, color=color, linestyle="--", label=r"Eq. 22 from $x_0 = 1$")
        axes.plot(run.steps + 1, exact[:, level], color="black", linestyle=":", linewidth=1.2)
    axes.plot([], [], color="black", linestyle=":", label="linear solution, averaged")
    axes.axhline(KAPPA, color="0.5", linewidth=0.6)
    axes.set(xscale="log", xlabel="step $t + 1$", title=f"Z of {name}", ylim=(0, 8))
panels[0].set_ylabel("eigenvalue $x$")
panels[0].legend(frameon=False, fontsize="small", loc="upper left")
plots.savefig(figure, arguments.out, "page")
print(f"saved {arguments.out}")
