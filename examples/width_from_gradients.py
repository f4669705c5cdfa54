"""The width of a level from its drift and its gradient noise (Eq. 9), with nothing fitted to the width.

Machines and students are watched on their way to stationarity, step by step: the regression of what a step changes on
where it starts gives Ω and g̃², and these the width that training will have, beside linear response.

    python examples/width_from_gradients.py --runs 128
"""

import argparse
import warnings

import numpy as np

import coulombfit as cf
from simulators import gaussian_rbm, teacher_student

PAIRS = (1, 3, 5, 7)  # the upper partner of each


def main() -> None:
    """Simulate, predict, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=512, help="machines, and students")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore", UserWarning)  # runs are short on purpose

    setting = {"learning_rate": 0.05, "batch_size": 256}
    run = gaussian_rbm.simulate(**setting, runs=arguments.runs, steps=400, save_every=1, seed=1)
    for k in PAIRS:
        x = run.eigenvalues[:, :, k : k + 2]
        found = cf.predict_width(x[:, :-1], np.diff(x, axis=1), **setting)
        theory = gaussian_rbm.widths(**setting)[k]
        print(f"machines, x = {gaussian_rbm.targets()[k]:.3f}: {found.verdict} Linear response: {theory:.4g}")

    setting = {"learning_rate": 0.1, "batch_size": 16}
    run = teacher_student.simulate(**setting, runs=arguments.runs, steps=150, save_every=1, seed=2)
    x = run.eigenvalues[:, 100:]
    found = cf.predict_width(x[:, :-1], np.diff(x, axis=1), **setting)
    inferred = cf.fit(x[:, -1], "one-species", progress=False)
    print(f"students: {found.verdict} Linear response: {teacher_student.widths(**setting)[0]:.4g}")
    print(found.compare(inferred).verdict)


if __name__ == "__main__":
    main()
