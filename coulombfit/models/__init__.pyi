from .base import Model as Model
from .base import Parameters as Parameters
from .gas import FreeGas as FreeGas
from .gas import Gas as Gas
from .likelihoods import LIKELIHOODS as LIKELIHOODS
from .likelihoods import AllLevels as AllLevels
from .likelihoods import Conditionals as Conditionals
from .likelihoods import Likelihood as Likelihood
from .likelihoods import OneLevel as OneLevel
from .likelihoods import Pair as Pair
from .likelihoods import Spacing as Spacing
from .pairs import PairModel as PairModel
from .parameters import Parameter as Parameter
from .registry import MODELS as MODELS
from .registry import find_model as find_model
from .registry import find_models as find_models
from .registry import pair_models as pair_models
from .trajectory import Dyson as Dyson
from .trajectory import FreeDyson as FreeDyson
from .transitions import Transitions as Transitions
from .units import Standardisation as Standardisation

__all__ = [
    "LIKELIHOODS",
    "MODELS",
    "AllLevels",
    "Conditionals",
    "Dyson",
    "FreeDyson",
    "FreeGas",
    "Gas",
    "Likelihood",
    "Model",
    "OneLevel",
    "Pair",
    "PairModel",
    "Parameter",
    "Parameters",
    "Spacing",
    "Standardisation",
    "Transitions",
    "find_model",
    "find_models",
    "pair_models",
]
