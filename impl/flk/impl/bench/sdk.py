"""`flk bench sdk`: signatures a second in each language, in turns with the model in Python.

Each SDK measures itself, from a record and a key in its memory to the value of `sig`, or to the knowledge that this is authentic:
the canonical bytes of all that is judged, the signature, base64, one after another, by its own clock of real time. Starts, JSON and
pipes are not in it. The answers are compared with the model's.
"""

import base64
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from statistics import median
from types import TracebackType
from typing import NamedTuple, Protocol, Self, TypeAlias

import msgspec

from flk.impl.bench import sdks
from flk.impl.bench.interleave import Figure
from flk.impl.bench.sdks import Sdk, Unmeasured, last_line
from flk.model.record.canonical import BESIDE, EIGHT, JUDGED
from flk.model.record.record import Pcs
from flk.model.record.signing import Ed25519PrivateKey, Ed25519PublicKey, HmacKey, Keyring, Signer, sign
from flk.model.samples.datasets import SENT_AT, cut
from flk.model.samples.windows import SEED, records

SLOT_SECONDS = 0.1
BATCH = 16
"""Operations between two looks at the clock."""
TENANT = "default"
SECRET = bytes(range(32))
MODEL = "Python"

Round: TypeAlias = dict[tuple[str, str], float]
"""Operations a second, by the names of task and side."""


class Task(NamedTuple):
    """An operation of the SDK protocol, what it is asked, what it must answer, and the same done by the model."""

    name: str
    operation: str
    question: Mapping[str, object]
    expected: object
    model: Callable[[], object]


class Rate(msgspec.Struct, frozen=True):
    """How often something was done in how many seconds, and what came of it at last."""

    count: int
    seconds: float
    value: object

    @property
    def per_second(self) -> float:
        """Operations a second."""
        return self.count / self.seconds


class Side(Protocol):
    """Whoever is measured."""

    def rate(self, task: Task, seconds: float) -> Rate:
        """How often it does the task in about so many seconds. Raises Unmeasured if it does not."""


class Report(msgspec.Struct, frozen=True):
    """The figures, and why the others of the SDKs have none."""

    figures: tuple[Figure, ...]
    unmeasured: dict[str, str]


class Model:
    """The model, in this process."""

    def rate(self, task: Task, seconds: float) -> Rate:
        """See Side."""
        value: object = None
        count, start = 0, time.perf_counter()
        while True:
            for _ in range(BATCH):
                value = task.model()
            count += BATCH
            spent = time.perf_counter() - start
            if spent >= seconds:
                return Rate(count, spent, value)


class _Answer(msgspec.Struct, frozen=True):
    value: Rate | None = None
    crash: str = ""
    error: str = ""


class Program:
    """The `flk-bench` of an SDK, from `with` until its end. Raises Unmeasured if it does not start."""

    def __init__(self, words: Sequence[str]) -> None:
        try:
            self._process = subprocess.Popen(  # noqa: S603  # our own
                words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
            )
        except OSError as error:
            raise Unmeasured(f"{Path(words[0]).name}: {error.strerror}") from None

    def rate(self, task: Task, seconds: float) -> Rate:
        """See Side."""
        question = {**task.question, "seconds": seconds}
        line = self._exchange({"run": 1, "operation": task.operation, "input": question})
        answer = msgspec.json.decode(line, type=_Answer)
        if answer.value is None:
            raise Unmeasured(f"{task.name}: {answer.crash or answer.error}")
        return answer.value

    def _exchange(self, message: Mapping[str, object]) -> str:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        try:
            self._process.stdin.write(msgspec.json.encode(message).decode() + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            raise Unmeasured(last_line(self._process.stderr.read()))
        return line

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.communicate()


def tasks() -> tuple[Task, ...]:
    """Sign and authenticate a real record, with both algorithms."""
    (record,) = islice(records(cut("goog-prices"), seed=SEED, sent_at=SENT_AT), 1)
    shared, private = HmacKey(SECRET), Ed25519PrivateKey(SECRET)
    return (*_tasks(record, shared, shared), *_tasks(record, private, Ed25519PublicKey(private.public())))


def _tasks(record: Pcs, signer: Signer, key: HmacKey | Ed25519PublicKey) -> tuple[Task, Task]:
    fields, sig = _judged(record), sign(signer, record, JUDGED)
    ring = Keyring({TENANT: [key]}, [JUDGED])

    def authenticated() -> bool:
        ring.authenticate(TENANT, record, sig, 0.0)
        return True

    name = {"algorithm": key.algorithm}
    to_sign = {"record": fields, "key": {**name, "secret": _text(SECRET)}, "profile": JUDGED, "bits": {}}
    keys = {TENANT: [{**name, "key": _text(key.material)}]}
    to_check = {"record": fields, "sig": sig, "tenant": TENANT, "at": 0.0, "keys": keys, "profiles": [JUDGED]}
    return (
        Task(f"sign, {key.algorithm}", "sign", to_sign, sig, lambda: sign(signer, record, JUDGED)),
        Task(f"authenticate, {key.algorithm}", "authenticate", to_check, authenticated(), authenticated),
    )


def measure(
    commands: Mapping[str, Sequence[str]],
    unmeasured: Mapping[str, str],
    seconds: float,
    on_progress: Callable[[str], None],
) -> Report:
    """The figures of the programs, by name, after about so many seconds, and a round at least; `unmeasured` are others, and why.

    A round asks everybody for one slot of each task; medians over rounds, after one that warms up. A ratio is the median of the
    rounds' ratios to the model. Who fails, or computes something else than the model, has no figures.
    """
    why, sides, chosen = dict(unmeasured), dict[str, Side](), tasks()
    with ExitStack() as stack:
        for name, words in commands.items():
            try:
                sides[name] = stack.enter_context(Program(words))
            except Unmeasured as missing:
                why[name] = str(missing)
        on_progress("warming up")
        _round({MODEL: Model(), **sides}, chosen, why)
        rounds: list[Round] = []
        end = time.perf_counter() + seconds
        while not rounds or time.perf_counter() < end:
            on_progress(f"round {len(rounds) + 1}")
            rounds.append(_round({MODEL: Model(), **sides}, chosen, why))
    names = [name for name in commands if name not in why]
    return Report(tuple(_figure(task, name, rounds) for task in chosen for name in names), why)


def _round(sides: Mapping[str, Side], chosen: Sequence[Task], why: dict[str, str]) -> Round:
    """A slot of each side at each task; who fails is noted, and not asked again."""
    found: Round = {}
    for task in chosen:
        for name, side in sides.items():
            if name in why:
                continue
            try:
                rate = side.rate(task, SLOT_SECONDS)
            except Unmeasured as failed:
                why[name] = str(failed)
                continue
            if rate.value != task.expected:
                why[name] = f"{task.name}: the answer is {rate.value}, and the model's {task.expected}"
            found[task.name, name] = rate.per_second
    return found


def _figure(task: Task, name: str, rounds: Sequence[Round]) -> Figure:
    theirs, models = ([one[task.name, side] for one in rounds] for side in (name, MODEL))
    ratio = median(a / b for a, b in zip(theirs, models, strict=True))
    return Figure(f"{task.name}: {name}", median(theirs), median(models), ratio, 0.0)


def built(source: Path, out: Path, on_progress: Callable[[str], None]) -> tuple[dict[str, list[str]], dict[str, str]]:
    """The commands of the SDKs that can be built here, and why the others cannot."""
    commands, why = {}, {}
    done: dict[str, str] = {}
    for sdk in sdks.ALL:
        if not (source / sdk.folder).is_dir():
            continue
        place = out / sdk.folder.replace("/", "-")
        if sdk.folder not in done:
            on_progress(f"building {sdk.name}")
            done[sdk.folder] = _built(sdk, source / sdk.folder, place)
        if done[sdk.folder]:
            why[sdk.name] = done[sdk.folder]
        else:
            commands[sdk.name] = sdks.command(sdk.bench, place)
    return commands, why


def _built(sdk: Sdk, source: Path, out: Path) -> str:
    """Why it cannot be built; empty if it is."""
    try:
        sdks.build(sdk, source, out)
    except Unmeasured as missing:
        return str(missing)
    return ""


def _judged(record: Pcs) -> dict[str, object]:
    """What a signature covers, as the SDK protocol writes it."""
    every: dict[str, object] = msgspec.to_builtins(record)
    return {name: every[name] for name in (*EIGHT, *BESIDE)}


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
