# %% [markdown]
"""Real training: the widths of both layers of a perceptron on digits follow √(α/|B|), without any made-up target.

A 64–16–10 perceptron learns the bundled digits of scikit-learn by SGD, at five settings of learning rate and batch
size, a hundred runs each about one minimum. Each of the seven greatest levels of a layer has its own centre and width.
The same runs begun at starts of their own are told apart, and give no answer.

    pip install "coulombfit[data]" && python examples/digits.py
"""

# %%
import argparse
import os
import sys
import warnings
from pathlib import Path

import matplotlib.pyplot as plt

import coulombfit as cf
from coulombfit import plots
from simulators import mlp

SMOKE = os.environ.get("COULOMBFIT_SMOKE") == "1"  # small, to see that it runs
SETTINGS = [(0.2, 8), (0.2, 32), (0.1, 16), (0.05, 8), (0.05, 32)]
LEVELS = list(range(2 if SMOKE else 7))

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--runs", type=int, default=20 if SMOKE else 100, help="number of networks of a setting")
parser.add_argument("--out", type=Path, default=Path("digits.png"), help="the figure to write")
arguments = parser.parse_args([] if "ipykernel" in sys.modules else None)  # a notebook has no command line

# %% [markdown]
# Train, and take the last snapshot of every layer, judged by those before. Smaller learning rates need more steps.

# %%
network = {
    "widths": (64, 16, 10),
    "activation": "tanh",
    "loss": "cross-entropy",
    "data": "digits",
    "weight_decay": 0.02,
}


def spectra_of(layer: int, run: mlp.MLPTrajectory) -> cf.Spectra:
    """The greatest levels of a layer, each by itself."""
    return cf.Trajectories.of(run.layer(layer)).spectra(levels=LEVELS, clusters="single")


runs = []
for rate, batch in SETTINGS:
    steps = 100 if SMOKE else int(200 / rate)
    runs.append(
        mlp.simulate(
            **network,
            learning_rate=rate,
            batch_size=batch,
            runs=arguments.runs,
            steps=steps,
            save_every=steps // 20,
            seed=1,
        )
    )
studies = {layer: [spectra_of(layer, run) for run in runs] for layer in (0, 1)}

# %% [markdown]
# The rule, of both layers, and the width of a setting that has not been run.

# %%
results = {layer: cf.scaling(spectra, sampler="laplace") for layer, spectra in studies.items()}
for layer, result in results.items():
    print(f"layer {layer}: {result.verdict}")
foretold = results[0].predict(learning_rate=0.1, batch_size=8)
print(f"at α 0.1 and |B| 8 the top level of layer 0 is foretold to have σ = {foretold.loc[0, 'mean']:.4f}")

# %% [markdown]
# Starts of their own: other minima, whose spread is no training noise.

# %%
steps = 100 if SMOKE else 12_000
own = mlp.simulate(
    **network,
    learning_rate=0.1,
    batch_size=16,
    start="own",
    runs=arguments.runs // 2,
    steps=steps,
    save_every=steps // 40,
)
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    spread = spectra_of(0, own)
print("starts of their own:", *(str(one.message) for one in caught))

# %%
figure, axes = plt.subplots(2, 3, figsize=(11, 6.6), layout="constrained")
for row, result in zip(axes, results.values(), strict=True):
    plots.scaling(result, row)
plots.savefig(figure, arguments.out, "page")
print(f"saved {arguments.out}")
