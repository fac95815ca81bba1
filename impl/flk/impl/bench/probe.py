"""How long a server's `/health` takes, asked again and again by a process of its own and from an address of its own.

    python -m flk.impl.bench.probe PORT ADDRESS PID

It prints a line when the first answer has come, asks until its input ends, and prints the longest answer's seconds, the most
seconds that the server's event loop worked during one, and how many of how many questions had none. It imports nothing but the
standard library, so that it starts at once.
"""

import select
import socket
import sys
from pathlib import Path
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


def work_of(pid: int) -> float:
    """Seconds of a processor that the first thread of a process has had (Linux): in a server, the one of the event loop."""
    try:
        return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9
    except OSError:  # it has ended
        return 0.0


def main(port: int, address: str, pid: int) -> None:
    """Ask until the input ends."""
    longest, most, asked, unanswered = 0.0, 0.0, 0, 0
    while not select.select([sys.stdin], [], [], 0)[0]:
        began, before = perf_counter(), work_of(pid)
        asked += 1
        unanswered += not answered(port, address)
        longest, most = max(longest, perf_counter() - began), max(most, work_of(pid) - before)
        if asked == 1:
            print("asking", flush=True)
            longest = most = 0.0
        sleep(PAUSE_SECONDS)
    print(longest, most, unanswered, asked, flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
