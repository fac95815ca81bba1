"""Compares both implementations on generated cases: `python -m tests.second [OPERATION …] [--cases N] [--seed N]`.

Without a name it takes every operation. The first disagreement of an operation is shrunk and shown; the exit code is then 1.
"""

import argparse
import json
import sys
import time
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings

from flk.conformance.cases import CASES

from .agreement import disagreement
from .operations import OPERATIONS


class Disagreed(Exception):
    """Both answered, and not alike."""


def compare(operation: str, cases: int, random: int) -> None:
    """Draws that many cases and raises Disagreed for the smallest on which the answers differ."""

    @seed(random)
    @settings(
        max_examples=cases,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate, Phase.shrink],
    )
    @given(CASES[operation])
    def agree(case: dict[str, Any]) -> None:
        found = disagreement(operation, case)
        if found is not None:
            raise Disagreed(f"{json.dumps(case)}\n{found}")

    agree()


def main() -> int:
    """Runs the command."""
    parser = argparse.ArgumentParser(prog="python -m tests.second", description=__doc__)
    parser.add_argument(
        "operation", nargs="*", choices=[[], *OPERATIONS], help="which to compare; all of them if none is named"
    )
    parser.add_argument("--cases", type=int, default=10_000, help="cases of each operation (10000)")
    parser.add_argument("--seed", type=int, default=0, help="which cases are drawn (0)")
    asked = parser.parse_args()
    failed = 0
    for operation in asked.operation or OPERATIONS:
        began = time.monotonic()
        try:
            compare(operation, asked.cases, asked.seed)
            said = "agree"
        except Disagreed as found:
            said, failed = f"DISAGREE\n{found}", 1
        print(f"{operation:20}{asked.cases:7} cases {time.monotonic() - began:6.1f} s  {said}", flush=True)
    return failed


sys.exit(main())
