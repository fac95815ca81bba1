"""The author's words, carried into exported text as comments."""

from textwrap import wrap

from flk.formal.explicit.schema import Schema
from flk.formal.language.action import Action
from flk.formal.language.properties import Property


def comment(story: str, mark: str, indent: str = "") -> list[str]:
    """The lines of a comment, each behind the mark; none for an empty story."""
    return [f"{indent}{mark} {line}" for line in wrap(story, 108 - len(indent))]


def head(schema: Schema, mark: str, *commands: str) -> list[str]:
    """What stands first in a text: the protocol, its sizes, its story and the commands that run the text."""
    protocol = schema.protocol
    title = protocol.name + (f", at {schema.sizes}" if schema.sizes else "")
    return [f"{mark} {title}", mark, *comment(protocol.story, mark), mark, *(f"{mark} {each}" for each in commands)]


def story_of(what: Action | Property) -> str:
    """The author's docstring, and the requirements that a property stands for."""
    ids = f" ({', '.join(what.requirements)})" if isinstance(what, Property) and what.requirements else ""
    return what.story + ids
