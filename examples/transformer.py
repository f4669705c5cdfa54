# %% [markdown]
"""A character-level transformer in JAX, with the spectra of every matrix recorded while it learns a small grammar.

Two blocks of attention and a perceptron, about 27 000 parameters, trained by plain stochastic gradient descent with
weight decay on sentences that this script makes. A recorder sees its fifteen matrices: the figure shows each spectrum
at the start, and in the late stage with the widths that mini-batches leave. Two minutes on two cores.

    python examples/transformer.py --steps 20000
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
DECAY, EVERY = 3e-3, 10

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--steps", type=int, default=60 if SMOKE else 20_000, help="training steps")
parser.add_argument("--late", type=float, default=0.5, help="the part of training, from its end, that counts as late")
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
@partial(jax.jit, static_argnums=2)
def advance(w, step, count):
    """So many steps from a step on, and the mean loss of their batches."""

    def one(w, step):
        places = jax.random.randint(jax.random.key(step), (SETTING["batch_size"],), 0, len(tokens) - CONTEXT - 1)
        batch = tokens[places[:, None] + jnp.arange(CONTEXT + 1)]
        value, gradient = jax.value_and_grad(loss)(w, batch)
        return {name: w[name] - SETTING["learning_rate"] * (gradient[name] + DECAY * w[name]) for name in w}, value

    w, values = jax.lax.scan(one, w, step + jnp.arange(count))
    return w, values.mean()


weights = start(jax.random.key(0))
print(f"{sum(each.size for each in weights.values())} parameters in {len(weights)} matrices")
losses = []
with cf.Recorder(arguments.recording, **SETTING, name="a small transformer") as recorder:
    recorder.log(0, weights)
    for step in range(0, arguments.steps, EVERY):
        weights, value = advance(weights, step, EVERY)
        recorder.log(step + EVERY, weights)
        losses.append(float(value))
        if len(losses) % max(1, arguments.steps // EVERY // 6) == 0:
            print(f"step {step + EVERY}: loss {np.mean(losses[-20:]):.3f}")

# %% [markdown]
# What was recorded: a snapshot of every matrix at every tenth step. The levels of a single run, not of an ensemble.


# %%
def late_stage(recording, part):
    """Mean and standard deviation of each level over the last part of a recording, and how far its mean still moves.

    The scatter of snapshots is a width only where the mean stands still: the last column, the difference of the means
    of both halves over the standard deviation, tells. Snapshots remember each other, so no error bar is attached here.
    """
    first = int((1 - part) * recording.sizes["snapshot"])
    x = recording["eigenvalues"].to_numpy()[first:]
    middle = len(x) // 2
    sigma = x.std(axis=0, ddof=1)
    return x.mean(axis=0), sigma, (x[middle:].mean(axis=0) - x[:middle].mean(axis=0)) / sigma


recordings = {name: cf.recording(arguments.recording, layer=name) for name in weights}
late = {name: late_stage(each, arguments.late) for name, each in recordings.items()}
print(
    f"{'matrix':12} {'levels':>6} {'snapshots':>9} {'greatest x, start':>17} {'end':>7} {'σ, late':>8} {'drift/σ':>8}"
)
for name, (mean, sigma, drift) in late.items():
    x = recordings[name]["eigenvalues"].to_numpy()
    print(f"{name:12} {x.shape[1]:6} {len(x):9} {x[0, 0]:17.3f} {mean[0]:7.3f} {sigma[0]:8.4f} {drift[0]:8.2f}")

# %% [markdown]
# Every spectrum at the start and in the late stage. Weight decay takes away what is not needed; a few levels stay.

# %%
columns = -(-(len(weights) + 1) // 4)
figure, axes = plt.subplots(4, columns, figsize=(12, 9), layout="constrained")
curve, *panels = axes.flat
curve.plot(EVERY * np.arange(1, len(losses) + 1), losses, lw=0.8)
curve.set(title="loss of a batch", xlabel="training step", ylabel="nats a character")
for panel, (name, (mean, sigma, _)) in zip(panels, late.items(), strict=False):
    before, levels = recordings[name]["eigenvalues"].to_numpy()[0], np.arange(1, len(mean) + 1)
    panel.plot(levels, before, color="0.6", lw=1, label="start")
    panel.errorbar(levels, mean, sigma, fmt=".", ms=3, lw=1, label="late, ± σ")
    panel.set(title=name, yscale="log", ylim=(1e-4 * mean.max(), 3 * max(before.max(), mean.max())))
for panel in panels[len(late) :]:
    panel.set_visible(False)
panels[0].legend()
figure.supxlabel("level")
figure.supylabel("x")
figure.savefig(arguments.out, dpi=150)
print(f"saved {arguments.out}")
