"""The experiments by name; a module is imported when its experiment is asked for."""

from __future__ import annotations

from importlib import import_module

from nuonuo.errors import InvalidInputError
from nuonuo.research.frame import Experiment

# Each a module in `nuonuo.research.experiments`, whose EXPERIMENT it is.
NAMES = ("noise", "capacity", "chains", "biohash", "spikes", "spiking", "embedders", "cues", "matrix")


def experiment_of(name: str) -> Experiment:
    """The experiment called ``name``.

    Raises:
        InvalidInputError: there is none.
    """
    if name not in NAMES:
        raise InvalidInputError(f"there is no experiment {name!r}; there are {', '.join(NAMES)}")
    found: Experiment = import_module(f"nuonuo.research.experiments.{name}").EXPERIMENT
    return found
