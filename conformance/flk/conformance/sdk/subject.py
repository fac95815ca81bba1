"""Our own model as a subject of the SDK protocol: `python -m flk.conformance.sdk.subject`."""

import sys
from collections.abc import Iterable, Iterator, Mapping

from flk.conformance.operations import OPERATIONS, Broken, Operation, perform
from flk.conformance.operations.signals import UNMEASURED
from flk.conformance.sdk.protocol import (
    VERSION,
    Bye,
    Crash,
    Error,
    KitHello,
    Reply,
    Run,
    Skip,
    Subject,
    SubjectHello,
    Value,
    read_request,
    write,
)
from flk.spec import __version__


def replies(
    lines: Iterable[bytes], operations: Mapping[str, Operation] = OPERATIONS, name: str = "flk-lab model"
) -> Iterator[Reply]:
    """The answer to each line of the kit, up to its bye. Raises NotAMessage for a line that is none."""
    for line in lines:
        request = read_request(line)
        match request:
            case KitHello():
                offered = tuple(each for each in operations if each not in UNMEASURED)
                declined = {each: why for each, why in UNMEASURED.items() if each in operations}
                yield SubjectHello(Subject(VERSION, name, "Python", offered, __version__, declined=declined))
            case Run():
                yield answer(request, operations)
            case Bye():
                yield Bye({})
                return


def answer(case: Run, operations: Mapping[str, Operation]) -> Value | Error | Skip | Crash:
    """The answer to one case. Whatever goes wrong with it, the next one is answered too."""
    operation = operations.get(case.operation)
    if operation is None:
        return Skip(case.run, f"no operation {case.operation}")
    try:
        return Value(case.run, perform(operation, case.input))
    except Broken as broken:
        return Error(case.run, broken.requirement, broken.field)
    except Exception as error:  # noqa: BLE001  # whatever it is, it is this case's answer
        return Crash(case.run, f"{type(error).__name__}: {error}")


def main(operations: Mapping[str, Operation] = OPERATIONS, name: str = "flk-lab model") -> None:
    """Converse on stdin and stdout."""
    for reply in replies(sys.stdin.buffer, operations, name):
        sys.stdout.buffer.write(write(reply))
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
