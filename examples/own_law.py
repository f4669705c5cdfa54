# %% [markdown]
"""A law of one's own, Brody's spacings, (1 + q) S^q/s^(1+q) exp(−(S/s)^(1+q)), fitted, compared and calibrated."""

# %%
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpyro.distributions as dist

import coulombfit as cf
from coulombfit.models import Parameter, Spacing
from simulators import ensembles


class BrodySpacing(dist.Distribution):
    arg_constraints = {"scale": dist.constraints.positive, "q": dist.constraints.nonnegative}
    support = dist.constraints.positive

    def __init__(self, scale, q, validate_args=None):
        self.scale, self.q = scale, q
        super().__init__(jnp.broadcast_shapes(jnp.shape(scale), jnp.shape(q)), validate_args=validate_args)

    def sample(self, key, sample_shape=()):
        return self.scale * jax.random.exponential(key, (*sample_shape, *self.batch_shape)) ** (1 / (1 + self.q))

    def log_prob(self, value):
        log_u = jnp.log(value / self.scale)
        return jnp.log1p(self.q) - jnp.log(self.scale) + self.q * log_u - jnp.exp((1 + self.q) * log_u)

    def cdf(self, value):
        return -jnp.expm1(-((value / self.scale) ** (1 + self.q)))


@dataclass(frozen=True, eq=False)
class Brody(cf.Model):
    name, description, colour = "brody", "Brody's law of spacings", "#882255"
    likelihoods = (Spacing(),)
    reports = (Parameter("scale", symbol="s"), Parameter("q", unit="1"))

    def sites(self, likelihood):
        return {"scale": dist.LogNormal(0.0, 1.0), "q": dist.HalfNormal(1.0)}

    def parameters(self, sites, unit):
        return {"scale": unit.scale * sites["scale"], "q": sites["q"]}

    def spacing(self, parameters):
        return BrodySpacing(parameters["scale"], parameters["q"])


# %%
pairs = ensembles.one_species(centre=4.0, sigma=0.05, runs=2000, seed=1)
fits = {m if isinstance(m, str) else m.name: cf.fit(pairs, m, "spacing") for m in (Brody(), "gaussian", "one-species")}
print(fits["brody"].summary(), cf.compare(fits, evidence=cf.evidence(fits)).verdict, sep="\n")
print(cf.predictive(fits["brody"]).verdict)
print(cf.calibrate(Brody(), runs=50, datasets=200, sampler="laplace").verdict)
cf.write_report("own_law.html", fits=fits)
cf.plots.savefig(cf.plots.spacing(fits), "own_law.png")
print("saved own_law.png and own_law.html")
