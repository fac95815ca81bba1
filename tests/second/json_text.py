"""JSON as RFC 8259 defines it, read strictly (REC-1) and without recursion: nesting has no limit but the body's.

Numbers keep their text and objects all their members, so that a rule can ask how a number is written and whether a key is repeated.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from .texts import Broken

TOKEN = re.compile(
    r"""[ \t\n\r]*(?:
    (?P<mark>[\[\]{},:])
  | "(?P<text>(?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*)"
  | (?P<number>-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?)
  | (?P<word>true|false|null)
  | (?P<end>\Z))""",
    re.VERBOSE,
)
ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|(.))")
ESCAPES = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
WORDS = {"true": True, "false": False, "null": None}


@dataclass(frozen=True)
class Number:
    """A number as it is written."""

    text: str


@dataclass
class Object:
    """An object's members in their order, repeated keys included."""

    members: list[tuple[str, "Value"]] = field(default_factory=list)


Value = None | bool | str | Number | list["Value"] | Object


def parse(body: bytes) -> Object:
    """The one object that the body is; all else breaks REC-1."""
    try:
        value = _value(_tokens(body.decode("utf-8")))
    except UnicodeDecodeError:
        raise Broken("REC-1") from None
    if not isinstance(value, Object):
        raise Broken("REC-1")
    return value


def _tokens(text: str) -> Iterator[tuple[str, str]]:
    place = 0
    while (match := TOKEN.match(text, place)) is not None:
        kind = match.lastgroup
        assert kind is not None
        yield kind, match[kind]
        if kind == "end":
            return
        place = match.end()
    raise Broken("REC-1")


def _value(tokens: Iterator[tuple[str, str]]) -> Value:
    """The only value of a text. `begun` holds the containers that are still open, `keys` the key that each object waits at."""
    root: list[Value] = []
    begun: list[list[Value] | Object] = [root]
    keys: list[str] = [""]
    kind, token = next(tokens)
    while True:
        if kind == "mark" and token in "[{":
            inner: list[Value] | Object = [] if token == "[" else Object()
            _add(begun[-1], keys[-1], inner)
            begun.append(inner)
            keys.append("")
            kind, token = next(tokens)
            if (kind, token) not in {("mark", "]"), ("mark", "}")}:
                kind, token = _before_value(inner, keys, kind, token, tokens)
                continue
        else:
            _add(begun[-1], keys[-1], _scalar(kind, token))
            kind, token = next(tokens)
        while kind == "mark" and token in "]}":
            if len(begun) == 1 or isinstance(begun[-1], Object) != (token == "}"):
                raise Broken("REC-1")
            begun.pop()
            keys.pop()
            kind, token = next(tokens)
        if len(begun) == 1:
            break
        if (kind, token) != ("mark", ","):
            raise Broken("REC-1")
        kind, token = next(tokens)
        kind, token = _before_value(begun[-1], keys, kind, token, tokens)
    if kind != "end":
        raise Broken("REC-1")
    return root[0]


def _before_value(
    container: list[Value] | Object, keys: list[str], kind: str, token: str, tokens: Iterator[tuple[str, str]]
) -> tuple[str, str]:
    """The token at which a member's value begins: in an object key and colon come before it."""
    if isinstance(container, Object):
        if kind != "text" or next(tokens) != ("mark", ":"):
            raise Broken("REC-1")
        keys[-1] = unescaped(token)
        return next(tokens)
    return kind, token


def _add(container: list[Value] | Object, key: str, value: Value) -> None:
    if isinstance(container, Object):
        container.members.append((key, value))
    else:
        container.append(value)


def _scalar(kind: str, token: str) -> Value:
    if kind == "text":
        return unescaped(token)
    if kind == "number":
        return Number(token)
    if kind == "word":
        return WORDS[token]
    raise Broken("REC-1")


def unescaped(token: str) -> str:
    """The text that a JSON string stands for; one with a lone surrogate breaks REC-1."""
    units = ESCAPE.sub(lambda match: chr(int(match[1], 16)) if match[1] else ESCAPES.get(match[2], match[2]), token)
    try:
        return units.encode("utf-16-le", "surrogatepass").decode("utf-16-le")
    except UnicodeDecodeError:
        raise Broken("REC-1") from None
