"""Fit a file of trained weights: one species, its rivals, a verdict and a figure.

Takes the path of an .npz file with arrays W (run, snapshot, M, N), lr and batch_size, like the public teacher-student
data released with arXiv:2407.16427 (Zenodo 10.5281/zenodo.13310439):

    python examples/fit_public_data.py TSmodel_lr0.1n0.1bs16.npz

Without a path it makes such a file by simulating the same training.
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np

import coulombfit as cf
from coulombfit import plots
from simulators import teacher_student


def example_file(folder: Path) -> Path:
    """A stand-in for a file of one's own: weights of 200 simulated students whose spectra we know."""
    run = teacher_student.simulate(learning_rate=0.1, batch_size=16, runs=200, steps=500, save_every=250)
    weights = np.sqrt(run.eigenvalues)[..., None] * np.eye(2)
    np.savez(folder / "students.npz", W=weights, lr=0.1, batch_size=16)
    return folder / "students.npz"


def main() -> None:
    """Read, fit, compare, draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("path", nargs="?", type=Path, help="an .npz file of weights")
    parser.add_argument("--out", type=Path, default=Path("public_data.png"), help="the figure to write")
    arguments = parser.parse_args()

    with tempfile.TemporaryDirectory() as folder:
        path = arguments.path or example_file(Path(folder))
        pair = cf.read(path, weights="W", learning_rate="lr", batch_size="batch_size").pair(0)

    fits = {model: cf.fit(pair, model) for model in ("gaussian", "one-species", "two-species")}
    print(fits["one-species"].summary())
    print(cf.compare(fits).verdict)
    plots.laws(fits).savefig(arguments.out, dpi=150)
    print(f"saved {arguments.out}")


if __name__ == "__main__":
    main()
