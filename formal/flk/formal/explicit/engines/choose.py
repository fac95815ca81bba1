"""The engines by name, and which to take where. All agree on states, layers, layer hashes, transitions, and on what is found."""

from collections.abc import Mapping
from typing import NamedTuple

from flk.formal.explicit.ground import Ground
from flk.formal.explicit.search import Engine, Options, Search
from flk.spec.errors import UnusableInput

AUTO = "auto"


class Choice(NamedTuple):
    """An engine and its name."""

    name: str
    engine: Engine


def _interpreter(ground: Ground, options: Options) -> Search:
    from flk.formal.explicit.engines import interpreted

    return interpreted.search(ground, options)


def _numpy(ground: Ground, options: Options) -> Search:
    from flk.formal.explicit.engines import vectorised

    return vectorised.search(ground, options)


def _numba(ground: Ground, options: Options) -> Search:
    from flk.formal.explicit.engines import jitted

    return jitted.search(ground, options)


def _c(ground: Ground, options: Options) -> Search:
    from flk.formal.explicit.engines import emitted

    return emitted.search(ground, options)


ENGINES: Mapping[str, Engine] = {"interpreter": _interpreter, "numpy": _numpy, "numba": _numba, "c": _c}
"""By name, from the readable to the fast; each loads what it needs when it is used."""

NAMES = (AUTO, *ENGINES)


def choose(name: str = AUTO) -> Choice:
    """The engine of that name; `auto` is C if there is a compiler, else Numba if it is installed, else NumPy.

    Raises UnusableInput for an unknown name, or if what the engine needs is not there.
    """
    from flk.formal.explicit.engines import jitted
    from flk.spec import toolchain

    there = {"c": toolchain.compiler() is not None, "numba": jitted.available()}
    if name == AUTO:
        name = next((each for each in ("c", "numba") if there[each]), "numpy")
    if name not in ENGINES:
        raise UnusableInput(f"engine {name}: there is none of that name; choose from {', '.join(NAMES)}")
    if not there.get(name, True):
        fix = {"c": "install gcc or clang, or set CC", "numba": "pip install numba"}[name]
        raise UnusableInput(f"engine {name}: what it needs is not here; {fix}, or choose numpy")
    return Choice(name, ENGINES[name])
