"""Texts of the specification that quote its constants: `${table.name}` stands for a value of `constants.toml`."""

import re

from flk.spec.constants import CONSTANTS

_QUOTED = re.compile(r"\$\{([^}]*)\}")


def fill(text: str) -> str:
    """`text` with each `${table.name}` replaced by that constant. Raises LookupError, naming it, for one that does not exist."""
    return _QUOTED.sub(lambda quoted: _value(quoted[1]), text)


def _value(name: str) -> str:
    value: object = CONSTANTS
    for part in name.split("."):
        if not hasattr(value, part):
            raise LookupError(f"${{{name}}} is not a constant of constants.toml")
        value = getattr(value, part)
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)
