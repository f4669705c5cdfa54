# %% [markdown]
"""One training run in JAX, recorded while it trains, and the width of its levels beside theory.

A plain loop of stochastic gradient descent: a 2×2 student learns a teacher W_t = 2·1 from labels with noise, mini-batch
by mini-batch. Both levels of X = WᵀW go to κ = 4 and keep fluctuating there, with the width of linear response about
Eq. 28. Snapshots of the run that have forgotten each other take the place of runs.

    python examples/jax_loop.py --steps 60000
"""

# %%
import argparse
import os
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt

import coulombfit as cf
from simulators import teacher_student

SMOKE = os.environ.get("COULOMBFIT_SMOKE") == "1"  # small, to see that it runs
SETTING = {"learning_rate": 0.1, "batch_size": 16}
NOISE, TEACHER, BURN_IN = 0.1, 2.0 * jnp.eye(2), 500

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--steps", type=int, default=3_000 if SMOKE else 60_000, help="training steps")
parser.add_argument("--recording", type=Path, default=Path("jax_run"), help="the folder to record to")
parser.add_argument("--out", type=Path, default=Path("jax_loop.png"), help="the figure to write")
arguments = parser.parse_args([] if "ipykernel" in sys.modules else None)  # a notebook has no command line


# %% [markdown]
# A step of training, as it would be without a recorder.


# %%
def loss(weights, x, y):
    """Half the mean squared error."""
    return 0.5 * jnp.mean(jnp.sum((y - x @ weights.T) ** 2, axis=1))


@jax.jit
def update(weights, key, step):
    """One step of SGD with a mini-batch of its own."""
    key_x, key_y = jax.random.split(jax.random.fold_in(key, step))
    x = jax.random.normal(key_x, (SETTING["batch_size"], 2))
    y = x @ TEACHER.T + NOISE * jax.random.normal(key_y, (SETTING["batch_size"], 2))
    return weights - SETTING["learning_rate"] * jax.grad(loss)(weights, x, y)


# %% [markdown]
# The loop: the recorder adds two lines. Of weights that change little from step to step every fifth spectrum is enough.

# %%
with cf.Recorder(arguments.recording, **SETTING, targets=[4.0, 4.0], name="one JAX run", every=5) as recorder:
    key, weights = jax.random.key(0), jax.random.normal(jax.random.key(1), (2, 2))
    for step in range(arguments.steps):
        weights = update(weights, key, step)
        recorder.log(step, weights)

# %% [markdown]
# From the recording to a width; the start, some dozens of 1/α steps, is discarded.

# %%
spectra = cf.read(arguments.recording, burn_in=BURN_IN)
print(spectra.provenance["trajectory"]["described"])
fit = cf.fit(spectra.pair(0), "one-species", sampler="laplace", seed=0)
print(fit.summary())
theory = float(teacher_student.widths(**SETTING, noise=NOISE, kappa=4.0, batches="independent")[0])
sigma = fit.tree["posterior"]["sigma"].to_numpy().ravel()
print(f"sigma {sigma.mean():.5f} ± {sigma.std():.5f}, linear response {theory:.5f}")

# %% [markdown]
# The learning curve, which can be drawn while training still runs, and the width beside theory.

# %%
curve = cf.recording(arguments.recording)
start = curve.isel(snapshot=curve["step"].to_numpy() < 2 * BURN_IN)
figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.6), layout="constrained")
left.plot(start["step"], start["eigenvalues"], lw=1)
left.axvspan(0, BURN_IN, color="0.9", label="discarded")
left.axhline(4.0, color="k", ls="--", lw=0.8, label="κ = 4")
left.set(xlabel="training step", ylabel="x", title="the beginning of the recording")
left.legend()
right.hist(sigma, bins=50, density=True, color="C0", alpha=0.6, label="posterior")
right.axvline(theory, color="k", ls="--", label="linear response")
right.locator_params(axis="x", nbins=5)
right.set(xlabel="σ", yticks=[], title=f"the width, from {spectra.runs} snapshots")
right.legend()
figure.savefig(arguments.out, dpi=150)
print(f"saved {arguments.out}")
