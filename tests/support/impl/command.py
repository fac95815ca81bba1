"""The command as people type it."""

import subprocess
import sys

from tests.support import ROOT


def flk(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command in the checkout."""
    return subprocess.run(
        [sys.executable, "-m", "flk.impl.command", *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )
