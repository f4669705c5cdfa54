# %% [markdown]
"""Centres and widths of Gaussian RBMs' levels over ten settings of learning rate and batch size.

Figure 3 of the source. Points are posteriors of the one-species law for each degenerate level; lines are not fitted:
second-order perturbation theory for the centres, where the source names repulsion between levels, and √(2x α/|B|) for
the widths.

    python examples/figure_3.py --runs 1000
"""

# %%
import argparse
import os
import sys
import time
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import coulombfit as cf
from coulombfit import plots
from simulators import gaussian_rbm

SMOKE = os.environ.get("COULOMBFIT_SMOKE") == "1"  # small, to see that it runs
SETTINGS = [(rate, batch) for rate in (0.025, 0.05) for batch in ((256,) if SMOKE else (16, 32, 64, 128, 256))]
PAIRS = (1, 3, 5, 7)  # the upper partner of each

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--runs", type=int, default=50 if SMOKE else 1000, help="number of machines in each setting")
parser.add_argument("--out", type=Path, default=Path("figure_3.png"), help="the figure to write")
arguments = parser.parse_args([] if "ipykernel" in sys.modules else None)  # a notebook has no command line

# %% [markdown]
# Train all settings.

# %%
begin = time.perf_counter()
spectra = []
for seed, (rate, batch) in enumerate(SETTINGS):
    steps = int(np.ceil(gaussian_rbm.steps_to_stationarity(learning_rate=rate)))
    run = gaussian_rbm.simulate(
        learning_rate=rate, batch_size=batch, runs=arguments.runs, steps=steps, dtype="float32", seed=seed
    )
    spectra.append(run.eigenvalues[:, -1])
print(f"{len(SETTINGS)} settings of {arguments.runs} machines in {time.perf_counter() - begin:.1f} s")

# %% [markdown]
# Infer the centre and the width of every degenerate level of every setting.

# %%
figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
targets = gaussian_rbm.targets()
strengths = np.geomspace(5e-5, 5e-3, 100)
for index, k in enumerate(PAIRS):
    looks = plots.level_style(index, len(PAIRS))
    points = {"fmt": looks["marker"], "markersize": 4, "color": looks["color"]}
    kappa, ratios, spacings = 9 - targets[k], [], []
    pairs = [x[:, k : k + 2] for x in spectra]
    posterior = cf.fit_many(pairs, "one-species").tree["posterior"]
    for setting, ((rate, batch), x) in enumerate(zip(SETTINGS, pairs, strict=True)):
        centre, sigma = (posterior[name].isel(spectrum=setting).to_numpy() for name in ("centre", "sigma"))
        theory = gaussian_rbm.widths(learning_rate=rate, batch_size=batch)[k]
        ratios.append(sigma.mean() / theory)
        if batch >= 128:  # where corrections of order α/|B| are small
            spacings.extend((x[:, 0] - x[:, 1]) / np.sqrt(targets[k] * rate / batch))
        print(
            f"x = {targets[k]:.3f}, learning rate {rate}, batch {batch}: sigma {sigma.mean():.5f} ± "
            f"{sigma.std():.5f}, linear response {theory:.5f}; centre {centre.mean():.4f} ± {centre.std():.4f}"
        )
        left.errorbar(rate / batch, (9 - centre.mean()) / kappa, centre.std() / kappa, **points)
        right.errorbar(np.sqrt(rate / batch), sigma.mean(), sigma.std(), **points)
    print(f"x = {targets[k]:.3f}: sigma over linear response from {min(ratios):.3f} to {max(ratios):.3f}")
    slope, error = np.mean(spacings), np.std(spacings) / np.sqrt(len(spacings))
    print(f"x = {targets[k]:.3f}: <S>/sqrt(x α/|B|) = {slope:.3f} ± {error:.3f}; sqrt(2π) = {np.sqrt(2 * np.pi):.3f}")
    slope = gaussian_rbm.displacements(learning_rate=1e-6, batch_size=1)[k] / 1e-6
    left.plot(strengths, 1 - slope * strengths / kappa, color=looks["color"], label=rf"$\kappa$ = {kappa:.3f}")
    right.plot(np.sqrt(strengths), np.sqrt(2 * targets[k] * strengths), color=looks["color"])

# %% [markdown]
# Lines are theory, and were not fitted.

# %%
left.axhline(1, color="0.4", linewidth=0.8, linestyle="--")
left.set(xscale="log", xlabel=r"$\alpha/|B|$", ylabel="centre over target", title="centres, and perturbation theory")
left.legend(frameon=False, loc="upper left")
right.set(xlabel=r"$\sqrt{\alpha/|B|}$", ylabel=r"width $\sigma$, units of $x$", xlim=(0, None), ylim=(0, None))
right.set_title(r"widths, and $\sqrt{2x\,\alpha/|B|}$")
plots.savefig(figure, arguments.out, "page")
print(f"saved {arguments.out}")
