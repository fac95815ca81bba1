"""The example of a server in another language, run."""

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SOURCE = Path("conformance/examples/server.mjs")
SECRET = "of the example"


@contextmanager
def server(source: Path, directory: Path) -> Iterator[int]:
    """A server of that source; killed in the end, like one whose machine fails."""
    command = ["node", str(source), str(directory), "0", SECRET]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield int(process.stdout.readline().rpartition(":")[2])
    finally:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        process.stdout.close()
