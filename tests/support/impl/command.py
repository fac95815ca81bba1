"""The command as people type it, and in this process, where starting it would take longer than what it does."""

import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from io import BytesIO, TextIOWrapper
from unittest.mock import patch

from tests.support import ROOT

from flk.impl.command import main


def flk(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command in the checkout."""
    return subprocess.run(
        [sys.executable, "-m", "flk.impl.command", *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )


def flk_here(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command in this process."""
    said, told, code = BytesIO(), BytesIO(), 0
    out, err = (TextIOWrapper(into, "utf-8", write_through=True) for into in (said, told))
    with patch.object(sys, "argv", ["flk", *arguments]), redirect_stdout(out), redirect_stderr(err):
        try:
            main()
        except SystemExit as exited:
            code = int(exited.code or 0)
    return subprocess.CompletedProcess(arguments, code, said.getvalue().decode(), told.getvalue().decode())
