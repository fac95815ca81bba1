"""How a part of the memory runtime says which effects it performs."""

from collections.abc import Callable
from typing import TypeAlias

from flk.model.effects import Effect

Performers: TypeAlias = dict[type[Effect[object]], Callable[..., object]]
"""By the kind of effect, a function of the effect that gives its result, or raises Refused."""
