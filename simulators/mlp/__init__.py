"""Training of multilayer perceptrons by mini-batch SGD: the spectra of all layers of many networks.

Networks of any widths and activations, on data given or made, with weight decay, momentum, and batches drawn with or
without replacement. Nothing is prescribed for the spectra: a level is what was learnt of the data, and its width what
the batches leave. What theory says of it is linear response at the minimum (:mod:`simulators.mlp.response`).
"""

from simulators.mlp.functions import level_widths, steps_to_stationarity
from simulators.mlp.result import MLPTrajectory
from simulators.mlp.setting import MLP
from simulators.mlp.training import simulate

__all__ = ["MLP", "MLPTrajectory", "level_widths", "simulate", "steps_to_stationarity"]
