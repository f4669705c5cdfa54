"""Learning curves of students with a hidden layer, beside Eq. 22 and the linear solution averaged over starts.

Figure 4 of the source, which fits the rates of Eq. 22. Here nothing is fitted: rates are the learning rate times the
eigenvalues of ZᵀZ. Eq. 22 takes singular vectors of student and teacher to agree, which those of a random start do not;
the average of the exact solution over starts, W(t) = W_t + (1 − αZᵀZ)^t (W_0 − W_t), does without.

    python examples/figure_4.py --runs 500
"""

import argparse
import warnings
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from simulators import teacher_student

LAYERS = {"Eq. 26": teacher_student.Z_EQ26, "Eq. 27": teacher_student.Z_EQ27}
ALPHA, KAPPA, STEPS, EVERY, STARTS = 0.1, 4.0, 5000, 10, 20_000
COLOURS = ("#0072B2", "#E69F00")


def averaged_solution(z: np.ndarray, steps: np.ndarray, starts: int = STARTS) -> np.ndarray:
    """Mean eigenvalues (step, level) without noise, over Gaussian starts."""
    values, modes = np.linalg.eigh(z.T @ z)
    teacher = np.sqrt(KAPPA) * np.eye(2)
    missing = np.random.default_rng(0).standard_normal((starts, 2, 2)) - teacher
    powers = (1 - ALPHA * values) ** steps[:, None]
    curves = []
    for power in powers:
        w = teacher + (modes * power) @ modes.T @ missing
        curves.append((np.linalg.svd(w, compute_uv=False) ** 2).mean(axis=0))
    return np.array(curves)


def main() -> None:
    """Train, print, draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=500, help="number of students")
    parser.add_argument("--out", type=Path, default=Path("figure_4.png"), help="the figure to write")
    arguments = parser.parse_args()

    figure = Figure(figsize=(10, 3.8), layout="constrained")
    for axes, (name, z) in zip(figure.subplots(1, 2, sharey=True), LAYERS.items(), strict=True):
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
        for level, (time, colour) in enumerate(zip((fast, slow), COLOURS, strict=True)):
            axes.plot(run.steps + 1, run.eigenvalues[:20, :, level].T, color=colour, alpha=0.12, linewidth=0.7)
            axes.plot(run.steps + 1, mean[:, level], color=colour, label=f"mean of {arguments.runs}, level {level + 1}")
            curve = teacher_student.learning_curve(run.steps, kappa=KAPPA, start=1.0, rate=1 / time)
            axes.plot(run.steps + 1, curve, color=colour, linestyle="--", label=r"Eq. 22 from $x_0 = 1$")
            axes.plot(run.steps + 1, exact[:, level], color="black", linestyle=":", linewidth=1.2)
        axes.plot([], [], color="black", linestyle=":", label="linear solution, averaged")
        axes.axhline(KAPPA, color="grey", linewidth=0.6)
        axes.set(xscale="log", xlabel="steps + 1", title=f"Z of {name}", ylim=(0, 8))
    figure.axes[0].set_ylabel("eigenvalue x")
    figure.axes[0].legend(frameon=False, fontsize="small", loc="upper left")
    figure.savefig(arguments.out, dpi=150)
    print(f"saved {arguments.out}")


if __name__ == "__main__":
    main()
