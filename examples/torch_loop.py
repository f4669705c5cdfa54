# %% [markdown]
"""Training in PyTorch: one run recorded, many saved as safetensors, and the same width from both.

A linear layer learns a teacher W_t = 2·1 from labels with noise, so that both levels of X = WᵀW fluctuate about κ = 4
with a width that linear response predicts (Eq. 28). One long run is recorded while it trains. Many short ones are
saved as state dicts, one file each, and read back by the name of the layer.

    pip install "coulombfit[torch]" && python examples/torch_loop.py --runs 200
"""

# %%
import argparse
import os
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from safetensors.torch import save_file
from torch import nn

import coulombfit as cf
from simulators import teacher_student

SMOKE = os.environ.get("COULOMBFIT_SMOKE") == "1"  # small, to see that it runs
SETTING = {"learning_rate": 0.1, "batch_size": 16}
NOISE, BURN_IN = 0.1, 200

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--steps", type=int, default=3_000 if SMOKE else 40_000, help="steps of the run that is recorded")
parser.add_argument("--runs", type=int, default=24 if SMOKE else 200, help="models that are saved")
parser.add_argument("--folder", type=Path, default=Path("torch_runs"), help="where recording and models go")
parser.add_argument("--out", type=Path, default=Path("torch_loop.png"), help="the figure to write")
arguments = parser.parse_args([] if "ipykernel" in sys.modules else None)  # a notebook has no command line


# %% [markdown]
# A training loop; log takes the weights as they are, wherever they are.


# %%
def train(seed: int, steps: int, recorder: cf.Recorder | None = None) -> nn.Module:
    """A student after so many steps of SGD."""
    generator = torch.Generator().manual_seed(seed)
    model = nn.Sequential(nn.Linear(2, 2))
    nn.init.normal_(model[0].weight, generator=generator)
    nn.init.zeros_(model[0].bias)
    optimiser = torch.optim.SGD(model.parameters(), lr=SETTING["learning_rate"])
    size = SETTING["batch_size"]
    for step in range(steps):
        x = torch.randn(size, 2, generator=generator)
        y = 2.0 * x + NOISE * torch.randn(size, 2, generator=generator)
        optimiser.zero_grad()
        # half the squared error, averaged over the mini-batch
        (0.5 * nn.functional.mse_loss(model(x), y, reduction="sum") / size).backward()
        optimiser.step()
        if recorder is not None:
            recorder.log(step, model[0].weight)
    return model


# %% [markdown]
# One run, recorded.

# %%
with cf.Recorder(arguments.folder / "recording", **SETTING, name="one run", every=5) as recorder:
    train(0, arguments.steps, recorder)

# %% [markdown]
# Many runs, one file each; settings go along as metadata.

# %%
for seed in range(1, arguments.runs + 1):
    metadata = {name: str(value) for name, value in SETTING.items()}
    save_file(train(seed, BURN_IN).state_dict(), arguments.folder / f"seed{seed}.safetensors", metadata=metadata)

# %% [markdown]
# Widths from both.

# %%
files = sorted(arguments.folder.glob("*.safetensors"))
data = {
    "snapshots of one run": cf.read(arguments.folder / "recording", burn_in=BURN_IN),
    "runs": cf.read(files, weights="*.weight", name="many runs"),
}
theory = float(teacher_student.widths(**SETTING, noise=NOISE, kappa=4.0, batches="independent")[0])
figure, axes = plt.subplots(figsize=(6.4, 3.8), layout="constrained")
for what, spectra in data.items():
    fit = cf.fit(spectra.pair(0), "one-species", sampler="laplace", seed=0)
    sigma = fit.tree["posterior"]["sigma"].to_numpy().ravel()
    print(f"{spectra.runs} {what}: sigma {sigma.mean():.5f} ± {sigma.std():.5f}")
    axes.hist(sigma, bins=50, density=True, alpha=0.6, label=f"{spectra.runs} {what}")
print(f"linear response: sigma {theory:.5f}")
axes.axvline(theory, color="k", ls="--", label="linear response")
axes.set(xlabel="σ", yticks=[], ylabel="posterior density")
axes.legend()
figure.savefig(arguments.out, dpi=150)
print(f"saved {arguments.out}")
