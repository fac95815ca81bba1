"""The SDK protocol: one JSON object to a line, from the kit to a subject's stdin and back from its stdout.

The message forms are the classes below; `protocol.schema.json` is made of them, for readers in other languages.
`conformance/PROTOCOL.md` explains it.
"""

from collections.abc import Mapping
from typing import Annotated, TypeAlias, TypeVar

import msgspec
from msgspec import UNSET, Meta, Raw, UnsetType

VERSION = 1
WINDOW = 64
"""At most this many cases are with a subject at once; it may answer them in any order."""

Seq = Annotated[int, Meta(ge=0)]
Sentence = Annotated[str, Meta(min_length=1)]


class Message(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One line."""


class Kit(Message, frozen=True):
    """Who asks: the protocol it speaks and its own version."""

    protocol: int
    kit: str


class Subject(Message, frozen=True):
    """Who answers. `operations` are those it offers. `declined` gives, for an operation or a flag that can be declined, the reason
    why its cases do not apply: these are left out, and what is left decides what the subject conforms to. `profiles` are those it
    claims to be: operations of others need not be declined one by one.
    """

    protocol: int
    name: Sentence
    language: Sentence
    operations: tuple[str, ...]
    version: str = ""
    issues: str = ""
    declined: dict[str, Sentence] = msgspec.field(default_factory=dict)
    profiles: tuple[str, ...] = ()


class KitHello(Message, frozen=True):
    """The first line of the kit."""

    hello: Kit


class SubjectHello(Message, frozen=True):
    """The subject's answer to it."""

    hello: Subject


class Run(Message, frozen=True):
    """A case: `run` is its number, which the answer carries as `seq`."""

    run: Seq
    operation: str
    input: Raw


class Value(Message, frozen=True):
    """The operation's value."""

    seq: Seq
    value: Raw


class Error(Message, frozen=True):
    """The input breaks the requirement named; `field` is the record's field at fault, where the operation asks for one."""

    seq: Seq
    error: Annotated[str, Meta(pattern=r"^[A-Z0-9]+-[0-9]+$")]
    field: str | UnsetType | None = UNSET


class Skip(Message, frozen=True):
    """The subject cannot answer this case, and says why."""

    seq: Seq
    skip: Sentence


class Crash(Message, frozen=True):
    """The subject failed on this case and lives on."""

    seq: Seq
    crash: Sentence


class Bye(Message, frozen=True):
    """The kit's last line, and the subject's last line in return."""

    bye: dict[str, str]


Request: TypeAlias = KitHello | Run | Bye
Reply: TypeAlias = SubjectHello | Value | Error | Skip | Crash | Bye

REQUESTS: dict[str, type[Request]] = {"hello": KitHello, "run": Run, "bye": Bye}
REPLIES: dict[str, type[Reply]] = {
    "hello": SubjectHello,
    "value": Value,
    "error": Error,
    "skip": Skip,
    "crash": Crash,
    "bye": Bye,
}
"""Each form under the key that only it has."""

M = TypeVar("M", bound=Message)


class NotAMessage(ValueError):
    """A line is no message of the protocol. Says what is wrong with it."""


def write(message: Message) -> bytes:
    """The line that carries a message."""
    return msgspec.json.encode(message) + b"\n"


def read_request(line: bytes) -> Request:
    """The kit's message on a line. Raises NotAMessage."""
    return _read(line, REQUESTS)


def read_reply(line: bytes) -> Reply:
    """The subject's message on a line. Raises NotAMessage."""
    return _read(line, REPLIES)


def _read(line: bytes, forms: Mapping[str, type[M]]) -> M:
    """A message has the one key that no other form has."""
    try:
        keys = msgspec.json.decode(line, type=dict[str, Raw]).keys() & forms.keys()
        if len(keys) != 1:
            raise NotAMessage(f"a message has exactly one of the keys {', '.join(forms)}")
        return msgspec.json.decode(line, type=forms[keys.pop()])
    except RecursionError:
        raise NotAMessage("nested too deeply") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise NotAMessage(str(error)) from None
