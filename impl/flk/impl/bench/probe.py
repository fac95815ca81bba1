"""How long a server's `/health` takes, asked again and again by a process of its own and from an address of its own.

    python -m flk.impl.bench.probe PORT ADDRESS

It prints a line when the first answer has come, asks until its input ends, and prints the longest answer's seconds and how many
of how many questions had none. It imports nothing but the standard library, so that it starts at once.
"""

import select
import socket
import sys
from time import perf_counter, sleep

PAUSE_SECONDS = 0.01
PATIENCE_SECONDS = 60.0
_QUESTION = b"GET /health HTTP/1.1\r\nhost: probe\r\nconnection: close\r\n\r\n"


def answered(port: int, address: str) -> bool:
    """Ask once, over a new connection; whether the answer was 200."""
    try:
        with socket.create_connection(("127.0.0.1", port), PATIENCE_SECONDS, (address, 0)) as asking:
            asking.sendall(_QUESTION)
            return asking.recv(4096).startswith(b"HTTP/1.1 200 ")
    except OSError:
        return False


def main(port: int, address: str) -> None:
    """Ask until the input ends."""
    longest, asked, unanswered = 0.0, 0, 0
    while not select.select([sys.stdin], [], [], 0)[0]:
        began = perf_counter()
        asked += 1
        unanswered += not answered(port, address)
        longest = max(longest, perf_counter() - began)
        if asked == 1:
            print("asking", flush=True)
            longest = 0.0
        sleep(PAUSE_SECONDS)
    print(longest, unanswered, asked, flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
