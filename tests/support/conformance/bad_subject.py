"""A subject that answers as our own does, but for one bad habit, which its first argument names."""

import os
import signal
import subprocess
import sys
import time

import msgspec

from flk.conformance.operations import OPERATIONS
from flk.conformance.sdk.protocol import Bye, KitHello, Reply, Run, Skip, Subject, SubjectHello, read_request, write
from flk.conformance.sdk.subject import answer
from flk.spec.profiles import declinable

BATCH = {"backwards": 8, "hoards": 64}
"""How many answers are held back, to be given last first."""

UNREADABLE = {"babbles": b'"\xff"', "overflows": b"1" * 6000, "nests": b"[" * 100_000 + b"]" * 100_000}
"""Values that no reader of JSON takes."""

VICTIM = 20
"""The number of the case on which the habit shows."""


def say(reply: Reply) -> None:
    """Answer."""
    sys.stdout.buffer.write(write(reply))
    sys.stdout.buffer.flush()


def hello(habit: str) -> SubjectHello:
    """The introduction."""
    subject = Subject(1, "bad", "Python", tuple(OPERATIONS))
    changes: dict[str, dict[str, object]] = {
        "future": {"protocol": 2},
        "offers-less": {"operations": ("pcs_id",)},
        "offers-more": {"operations": (*OPERATIONS, "teleport")},
        "declines-operation": {"operations": ("pcs_id",), "declined": {"regime": "no regimes here"}},
        "declines-flag": {"declined": {"shortest": "no older signers here"}},
        "declines-forgeries": {"declined": {"forgery": "we trust everybody"}},
        "declines-nothing-known": {"declined": {"teleport": "no teleport here"}},
        "claims-signer": {"operations": ("fixed9", "canonical", "sign", "pcs_id"), "profiles": ("signer",)},
        "claims-too-much": {"operations": ("fixed9", "canonical", "pcs_id"), "profiles": ("signer",)},
        "claims-nonsense": {"profiles": ("singer",)},
        "declines-all-it-may": {
            "operations": ("pause",),
            "declined": {name: "not here" for name in (*OPERATIONS, *declinable()) if name != "pause"},
        },
        "declines-everything": {"operations": (), "declined": {"regime": "nothing here"}},
    }
    return SubjectHello(msgspec.structs.replace(subject, **changes.get(habit, {})))


def run(habit: str, case: Run, held: list[Reply]) -> None:
    """Answer one case, each after its own fashion."""
    if habit == "dies-of-any" and case.run >= VICTIM:
        sys.exit(3)
    if habit == "chatters":
        sys.stdout.write("debug: answering\n")
    if habit in BATCH:
        held.append(answer(case, OPERATIONS))
    elif case.run == VICTIM:
        suffer(habit, case)
    else:
        say(answer(case, OPERATIONS))


def suffer(habit: str, case: Run) -> None:
    """What the habit makes of its victim."""
    reply = answer(case, OPERATIONS)
    leave(habit)
    match habit:
        case "hangs":
            time.sleep(3600)
        case "garbage":
            sys.stdout.write("Traceback, perhaps\n")
        case "skips":
            reply = Skip(case.run, "not today")
        case "crashes":
            reply = answer(msgspec.structs.replace(case, input=msgspec.Raw(b"{}")), OPERATIONS)
        case "twice":
            say(reply)
    if habit in UNREADABLE:
        sys.stdout.buffer.write(b'{"seq":%d,"value":%s}\n' % (VICTIM, UNREADABLE[habit]))
    elif habit != "forgets":
        say(reply)


def leave(habit: str) -> None:
    """The end of the process, one way or another."""
    match habit:
        case "dies":
            sys.exit("this case is too much for me")
        case "faults":
            os.kill(os.getpid(), signal.SIGSEGV)
        case "leaves-a-child":  # it holds the pipes, out of the group, until the kit lets go of its end
            subprocess.Popen(["sh", "-c", "cat > /dev/null"], start_new_session=True)
            sys.exit("gone, but for my child")


def main() -> None:
    """Converse."""
    habit = sys.argv[1]
    if habit == "mute":
        sys.exit("no such file: config.yaml")
    held: list[Reply] = []
    for line in sys.stdin.buffer:
        request = read_request(line)
        match request:
            case KitHello():
                say(hello(habit))
            case Run():
                run(habit, request, held)
            case Bye():
                if habit != "leaves-without-bye":
                    say(Bye({}))
                return
        if len(held) == BATCH.get(habit) or (habit == "backwards" and isinstance(request, Run) and request.run >= 56):
            while held:
                say(held.pop())


if __name__ == "__main__":
    main()
