"""Does the width follow the linear scaling rule √(α/|B|)? Over files of trained weights, one a setting.

Takes .npz files with arrays W (run, snapshot, M, N), lr, batch_size and noise, like the public teacher-student data
released with arXiv:2407.16427 (Zenodo 10.5281/zenodo.13310439), whose runs share their inputs:

    python examples/scaling_rule.py TSmodel_lr*.npz

Without files it trains such students. What settings scatter beyond sampling, the runs of each having the same inputs,
is part of the model; the last lines show what the interval would be without.
"""

import argparse
from pathlib import Path

import coulombfit as cf
from coulombfit import plots
from simulators import teacher_student

SETTINGS = [(0.1, 4), (0.1, 8), (0.1, 16), (0.1, 32), (0.2, 16), (0.4, 16)]


def students(runs: int) -> list[cf.Spectra]:
    """Settings whose runs share their mini-batches."""
    spectra = []
    for seed, (rate, batch) in enumerate(SETTINGS):
        run = teacher_student.simulate(
            learning_rate=rate, batch_size=batch, batches="shared", runs=runs, steps=500, seed=seed
        )
        spectra.append(cf.Spectra(run.eigenvalues[:, -1], rate, batch, name=f"α {rate}, |B| {batch}"))
    return spectra


def main() -> None:
    """Read or train, infer, draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="*", type=Path, help=".npz files of weights")
    parser.add_argument("--runs", type=int, default=3000, help="students in each setting, where there are no files")
    parser.add_argument("--out", type=Path, default=Path("scaling_rule.png"), help="the figure to write")
    arguments = parser.parse_args()

    names = {"weights": "W", "learning_rate": "lr", "batch_size": "batch_size", "factor": "noise"}
    spectra = [cf.read(file, **names) for file in arguments.files] or students(arguments.runs)
    result = cf.scaling(spectra, curvature=1.0)
    print(result.summary())
    plots.scaling(result).savefig(arguments.out, dpi=150)
    naive = cf.scaling(spectra, curvature=1.0, scatter=False)
    for name, row in naive.table.loc[naive.rule.index].iterrows():
        print(f"without scatter {name} would be {row['mean']:.3f} ± {row['sd']:.3f}")
    print(f"saved {arguments.out}")


if __name__ == "__main__":
    main()
