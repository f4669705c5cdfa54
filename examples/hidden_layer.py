"""The widths that one hidden layer leaves, by every route from spectra to σ_m.

Linear students learn a degenerate teacher through a fixed second layer Z (Eqs. 26 to 28). Linear response gives both
widths without a fit. The labelled two-species gas, jointly or through its density (Eq. 32), beats one species and gets
the widths wrong; spacings alone get σ_m right; the anisotropic pair gets everything right.

    python examples/hidden_layer.py --layer eq26 --runs 5000
"""

import argparse
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

import coulombfit as cf
from coulombfit import plots
from simulators import teacher_student

LAYERS = {"eq26": teacher_student.Z_EQ26, "eq27": teacher_student.Z_EQ27}
ROUTES = {
    "spacings alone (Eq. 31)": ("one-species", "spacing", "#0072B2"),
    "two-species, density (Eq. 32)": ("two-species", "density", "#E69F00"),
    "two-species, joint law": ("two-species", "pair", "#009E73"),
    "anisotropic, joint law": ("anisotropic", "pair", "#CC79A7"),
}


def main() -> None:
    """Simulate, fit by every route, compare, draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--layer", choices=LAYERS, default="eq26", help="the second layer Z of which equation")
    parser.add_argument("--runs", type=int, default=5000, help="number of students")
    parser.add_argument("--out", type=Path, default=Path("hidden_layer.png"), help="the figure to write")
    arguments = parser.parse_args()

    training = {"kappa": 4.0, "learning_rate": 0.1, "noise": 0.1}
    students = teacher_student.simulate(Z=LAYERS[arguments.layer], **training, runs=arguments.runs, steps=8000, seed=0)
    pair = cf.Spectra(students.eigenvalues[:, -1], learning_rate=0.1, name=f"Z of {arguments.layer}").pair()
    theory = teacher_student.widths(Z=LAYERS[arguments.layer], **training)
    sigma_m = np.sqrt(0.5 * np.sum(theory**2))
    print(f"linear response: sigma_1 {theory[0]:.5f}, sigma_2 {theory[1]:.5f}, sigma_m {sigma_m:.5f}")

    figure = Figure(figsize=(10, 3.8), layout="constrained")
    left, right = figure.subplots(1, 2)
    fits = {route: cf.fit(pair, model, likelihood) for route, (model, likelihood, _) in ROUTES.items()}
    for route, (_, _, colour) in ROUTES.items():
        draws = fits[route].tree["posterior"]
        widths = [draws[name].to_numpy().ravel() for name in ("sigma_1", "sigma_2", "sigma_m") if name in draws]
        # of spacings, the one width is σ_m
        width = widths[-1] if widths else draws["sigma"].to_numpy().ravel()
        shown = ", ".join(f"{each.mean():.5f} ± {each.std():.5f}" for each in widths or [width])
        print(f"{route}: {shown}; {fits[route].diagnosis.verdict}")
        right.hist(width, 40, density=True, histtype="step", linewidth=1.5, color=colour, label=route)
    right.axvline(sigma_m, color="black", linestyle="--", label="linear response")
    right.set(xlabel=r"mean width $\sigma_m$", ylabel="posterior density", ylim=(0, 1.5 * right.get_ylim()[1]))
    right.legend(frameon=False, fontsize="small", loc="upper left")

    laws = {model: fits[f"{model}, joint law"] for model in ("two-species", "anisotropic")}
    laws = {"one-species": cf.fit(pair, "one-species"), **laws}
    plots.density(laws, left)
    print(cf.compare(laws).verdict)
    figure.savefig(arguments.out, dpi=150)
    print(f"saved {arguments.out}")


if __name__ == "__main__":
    main()
