"""A subject of the kit made of this implementation: `flk conform sdk -- python -m tests.second.subject`."""

import json
import sys

from .operations import OPERATIONS, answer

HELLO = {"protocol": 1, "name": "second", "language": "Python", "operations": list(OPERATIONS)}


def main() -> None:
    """Answers line by line until the kit says goodbye."""
    for line in sys.stdin:
        message = json.loads(line)
        if "hello" in message:
            reply: dict[str, object] = {"hello": HELLO}
        elif "bye" in message:
            reply = {"bye": {}}
        else:
            try:
                reply = {"seq": message["run"], **answer(message["operation"], message["input"])}
            except Exception as failure:  # noqa: BLE001  the case fails and the subject lives on
                reply = {"seq": message["run"], "crash": repr(failure)}
        print(json.dumps(reply), flush=True)
        if "bye" in message:
            return


main()
