# %% [markdown]
"""A character-level transformer in JAX, with the spectra of every matrix recorded while it learns a small grammar.

Two blocks of attention and a perceptron, about 27 000 parameters, trained by plain stochastic gradient descent with
weight decay on sentences that this script makes. A recorder sees its fifteen matrices. From where that ends training
goes on under four settings of (α, |B|): the model "dyson" gives widths and relaxation times of the greatest levels, and
`cf.scaling` is asked whether widths follow √(α/|B|). Minutes on two cores.

    python examples/transformer.py --steps 20000 --more 12000
"""

# %%
import argparse
import os
import sys
from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np

import coulombfit as cf

SMOKE = os.environ.get("COULOMBFIT_SMOKE") == "1"  # small, to see that it runs
WIDTH, HEADS, CONTEXT, BLOCKS = 32, 4, 32, 2
SETTING = {"learning_rate": 0.2, "batch_size": 16}
SETTINGS = [(0.2, 16), (0.1, 16), (0.2, 8), (0.1, 8)]  # α and |B|, with which training goes on
DECAY, EVERY = 3e-3, 10
LEVELS = 2 if SMOKE else 6  # of each matrix, of which the α/|B| rule is to be asked

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--steps", type=int, default=60 if SMOKE else 20_000, help="training steps")
parser.add_argument("--more", type=int, default=200 if SMOKE else 12_000, help="steps of each setting after that")
parser.add_argument("--settle", type=float, default=1 / 3, help="the part of these that is left to settle")
parser.add_argument("--recording", type=Path, default=Path("transformer_run"), help="the folder to record to")
parser.add_argument("--out", type=Path, default=Path("transformer.png"), help="the figure to write")
arguments = parser.parse_args([] if "ipykernel" in sys.modules else None)  # a notebook has no command line

# %% [markdown]
# The text: sentences of a grammar in which verbs agree with their subjects, and clauses may be nested.

# %%
NOUNS = ["cat", "dog", "bird", "child", "king", "ship", "tree", "stone"]
VERBS = ["see", "hear", "follow", "need", "lift", "paint"]
rng = np.random.default_rng(0)


def phrase(depth):
    """A noun phrase, and whether it is plural."""
    plural = rng.random() < 0.4
    words = [rng.choice(["the", "some"] if plural else ["the", "a"]), rng.choice(NOUNS) + "s" * plural]
    if depth and rng.random() < 0.3:
        words += ["that", *clause(depth - 1, plural)]
    return words, plural


def clause(depth, plural):
    """A verb that agrees with its subject, and its object."""
    return [rng.choice(VERBS) + "s" * (not plural), *phrase(depth)[0]]


def sentence():
    """A subject and what it does."""
    words, plural = phrase(2)
    return " ".join([*words, *clause(1, plural)]) + ". "


text = "".join(sentence() for _ in range(2000))
letters = sorted(set(text))
tokens = jnp.array([letters.index(each) for each in text])
print(f"{len(text)} characters of {len(letters)} kinds: {text[:70]}…")

# %% [markdown]
# The network: layers are normalised before attention and before the perceptron, which add to what flows past them.


# %%
def start(key):
    """Random weights, variance 1/in, by the name of their matrix, (out, in)."""
    shapes = {"embedding": (WIDTH, len(letters)), "positions": (WIDTH, CONTEXT), "output": (len(letters), WIDTH)}
    for block in range(BLOCKS):
        shapes |= {f"{block}.{name}": (WIDTH, WIDTH) for name in ("query", "key", "value", "mix")}
        shapes |= {f"{block}.up": (4 * WIDTH, WIDTH), f"{block}.down": (WIDTH, 4 * WIDTH)}
    keys = jax.random.split(key, len(shapes))
    scales = {"embedding": 0.3, "positions": 0.3}  # of these, one column is taken at a time
    return {
        name: scales.get(name, shape[1] ** -0.5) * jax.random.normal(each, shape)
        for each, (name, shape) in zip(keys, shapes.items(), strict=True)
    }


def normal(x):
    """Zero mean and at most unit variance over the width.

    The 0.1 is no small number: where only the direction of x counted, no minimum would set the size of the weights
    before it.
    """
    x = x - x.mean(axis=-1, keepdims=True)
    return x / jnp.sqrt((x**2).mean(axis=-1, keepdims=True) + 0.1)


def attention(w, block, x):
    """What each place takes from those before it."""
    apart = (*x.shape[:2], HEADS, WIDTH // HEADS)
    q, k, v = ((x @ w[f"{block}.{name}"].T).reshape(apart) for name in ("query", "key", "value"))
    scores = jnp.einsum("bqhd,bkhd->bhqk", q, k) / jnp.sqrt(WIDTH / HEADS)
    seen = jnp.tril(jnp.ones((x.shape[1], x.shape[1]), bool))
    weights = jax.nn.softmax(jnp.where(seen, scores, -jnp.inf))
    return jnp.einsum("bhqk,bkhd->bqhd", weights, v).reshape(x.shape) @ w[f"{block}.mix"].T


def loss(w, batch):
    """Mean cross-entropy of the next character, in nats."""
    now, following = batch[:, :-1], batch[:, 1:]
    x = w["embedding"].T[now] + w["positions"].T
    for block in range(BLOCKS):
        x = x + attention(w, block, normal(x))
        x = x + jax.nn.gelu(normal(x) @ w[f"{block}.up"].T) @ w[f"{block}.down"].T
    logs = jax.nn.log_softmax(normal(x) @ w["output"].T)
    return -jnp.take_along_axis(logs, following[..., None], axis=-1).mean()


# %% [markdown]
# A step of SGD, and several of them in one call, because only every tenth spectrum is recorded.


# %%
@partial(jax.jit, static_argnames=("count", "batch_size"))
def advance(w, step, learning_rate, *, count, batch_size):
    """So many steps from a step on, and the mean loss of their batches."""

    def one(w, step):
        places = jax.random.randint(jax.random.key(step), (batch_size,), 0, len(tokens) - CONTEXT - 1)
        batch = tokens[places[:, None] + jnp.arange(CONTEXT + 1)]
        value, gradient = jax.value_and_grad(loss)(w, batch)
        return {name: w[name] - learning_rate * (gradient[name] + DECAY * w[name]) for name in w}, value

    w, values = jax.lax.scan(one, w, step + jnp.arange(count))
    return w, values.mean()


def train(w, first, steps, folder, learning_rate, batch_size):
    """Train on from a step, with a recorder; the weights, and the mean losses between snapshots.

    Batches are drawn by the number of the step: settings that go on from one step have numbers of their own, lest they
    see the same text and fluctuate together.
    """
    losses = []
    name = f"transformer, α {learning_rate:g}, |B| {batch_size}"
    with cf.Recorder(folder, learning_rate=learning_rate, batch_size=batch_size, name=name) as recorder:
        recorder.log(0, w)
        for step in range(0, steps, EVERY):
            w, value = advance(w, first + step, learning_rate, count=EVERY, batch_size=batch_size)
            recorder.log(step + EVERY, w)
            losses.append(float(value))
            if len(losses) % max(1, steps // EVERY // 4) == 0:
                print(f"{name}, step {step + EVERY}: loss {np.mean(losses[-100:]):.3f}")
    return w, losses


weights = start(jax.random.key(0))
print(f"{sum(each.size for each in weights.values())} parameters in {len(weights)} matrices")
weights, losses = train(weights, 0, arguments.steps, arguments.recording, *SETTINGS[0])
folders = [arguments.recording.with_name(f"{arguments.recording.name}_{k}") for k in range(len(SETTINGS))]
for k, (folder, setting) in enumerate(zip(folders, SETTINGS, strict=True), start=1):
    train(weights, k * 10_000_000, arguments.more, folder, *setting)

# %% [markdown]
# The late stage, of a single run each: the model "dyson" takes every snapshot, and says whether its law describes them.
# "No" means that σ and τ are no more than numbers that sum up the trajectory.


# %%
recordings = {name: cf.recording(arguments.recording, layer=name) for name in weights}
settle = int(arguments.settle * arguments.more)


def late_stage(name, folder):
    """The fit of "dyson" to the greatest level of a matrix, after it has settled: no pairs, every level by itself."""
    data = cf.recording(folder, layer=name).isel(level=slice(0, 1))
    return cf.fit(cf.Trajectories.of(data, clusters="single").after(settle), "dyson")


late = {name: [late_stage(name, folder) for folder in folders] for name in weights}
print(
    f"\ngreatest level of each matrix, steps {settle} to {arguments.more} of four settings (α, |B|): σ, and τ in steps"
)
print(f"{'matrix':10}" + "".join(f"{setting!s:>18}" for setting in SETTINGS) + "  described by its law?")
for name, fits in late.items():
    tables = [fit.table() for fit in fits]
    cells = [f"{t.loc['sigma[0]', 'mean']:.4f} {1 / t.loc['rate[0]', 'mean']:7.0f}" for t in tables]
    answers = ", ".join(str(fit.description.answer) for fit in fits)
    print(f"{name:10}" + "".join(f"{cell:>18}" for cell in cells) + "  " + answers)
print(f"output, α {SETTINGS[0][0]:g}, |B| {SETTINGS[0][1]}: {late['output'][0].description.verdict}")

# %% [markdown]
# The rule over four settings takes independent snapshots: `cf.read` thins those of a run by their memory, and refuses
# where too few are left. So it is asked of those of the greatest levels of which every setting leaves enough.


# %%
def independent(name, level):
    """Spectra of a level in all settings, or why there are none."""
    try:
        return [cf.read(each, weights=name, burn_in=settle, clusters="single", levels=[level]) for each in folders]
    except cf.DataError as error:
        return f"level {level} of {name}, {error}"


found = [independent(name, level) for name in weights for level in range(LEVELS)]
refused = [each for each in found if isinstance(each, str)]
enough = [each for each in found if not isinstance(each, str)]
print(f"\nα/|B| rule: of {len(found)} levels, the {LEVELS} greatest of each matrix, {len(enough)} can be asked")
for spectra in enough:
    result = cf.scaling(spectra, sampler="laplace", progress=False)
    known, counts = spectra[0].provenance, [one.runs for one in spectra]
    print(f"level {known['levels'][0]} of {known['layer']}, {counts} snapshots: {result.verdict}")
print(f"of the others, {refused[0]}" if refused else "")

# %% [markdown]
# Every spectrum at the start and at the end: weight decay takes away what is not needed; a few levels stay. Below, σ
# and τ of the greatest level of each matrix, and how σ goes with α/|B|: by the rule, along the dashed line, and the
# same for the two settings that have the same α/|B|.

# %%
figure = plt.figure(figsize=(12, 13), layout="constrained")
above, below = figure.subfigures(2, 1, height_ratios=(2.2, 1))
curve, *panels = above.subplots(4, 4).flat
curve.plot(EVERY * np.arange(1, len(losses) + 1), losses, lw=0.5)
curve.set(title="loss of a batch", xlabel="training step", ylabel="nats a character")
for panel, (name, data) in zip(panels, recordings.items(), strict=True):
    x = data["eigenvalues"].to_numpy()
    levels = np.arange(1, x.shape[1] + 1)
    panel.plot(levels, x[0], color="0.6", lw=1, label="start")
    panel.plot(levels, x[-1], ".", ms=4, label=f"step {arguments.steps}")
    panel.set(title=name, yscale="log", ylim=(1e-4 * x[-1].max(), 3 * x[[0, -1]].max()))
panels[0].legend()
above.supxlabel("level")
above.supylabel("x")
widths, times, scaling = below.subplots(1, 3)
strength = np.array([rate / batch for rate, batch in SETTINGS])
places = np.arange(len(late))
for k, (rate, batch) in enumerate(SETTINGS):
    tables = [fits[k].table() for fits in late.values()]
    sigma = np.array([table.loc["sigma[0]", ["mean", "lower", "upper"]] for table in tables], dtype=float)
    time = 1 / np.array([table.loc["rate[0]", ["mean", "upper", "lower"]] for table in tables], dtype=float)
    shown = {"fmt": "osDv"[k], "ms": 3.5, "lw": 0.8, "color": f"C{k}", "label": f"α {rate:g}, |B| {batch}"}
    for panel, (y, lower, upper) in ((widths, sigma.T), (times, time.T)):
        panel.errorbar(places + 0.15 * (k - 1.5), y, [np.maximum(y - lower, 0), np.maximum(upper - y, 0)], **shown)
    base = [fits[0].table().loc["sigma[0]", "mean"] for fits in late.values()]
    beside = strength[k] * np.exp(0.04 * np.linspace(-1, 1, len(base)))  # side by side, to be seen
    scaling.plot(beside, sigma[:, 0] / base, shown["fmt"], ms=3.5, color=f"C{k}", label=shown["label"])
around = np.array([0.8 * strength.min(), 1.25 * strength.max()])
scaling.plot(around, np.sqrt(around / strength[0]), "k--", lw=1, label="√(α/|B|)")
for panel in (widths, times):
    panel.set_xticks(places, list(late), rotation=90)
    panel.set_yscale("log")
described = [str(fit.description.answer) == "yes" for fits in late.values() for fit in fits]
widths.set(title=f"greatest level, late: σ (law describes {sum(described)} of {len(described)})", ylabel="σ")
times.set(title="its relaxation time", ylabel="τ (steps)")
scaling.set(title="σ over that of the first setting", xlabel="α/|B|", ylabel="ratio", xscale="log", yscale="log")
ticks = np.unique(strength)
scaling.set_xticks(ticks, [f"{each:.3g}" for each in ticks])
scaling.minorticks_off()
scaling.set_yticks([0.25, 0.5, 1, 2], ["¼", "½", "1", "2"])
scaling.legend(fontsize="small", loc="lower right")
times.set_yticks([30, 100, 300], ["30", "100", "300"])
times.minorticks_off()
widths.legend(fontsize="small")
figure.savefig(arguments.out, dpi=110)
print(f"saved {arguments.out}")
