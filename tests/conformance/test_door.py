"""The door of the conformance kit: what `from flk.conformance import …` offers is documented, runs, and shows itself."""

import sys
from pathlib import Path

import pytest
from tests.support.doors import failing_examples, undocumented

import flk.conformance
from flk.conformance import HmacKey, Report, Verdict, check_sdk, check_server, reference_server, vectors
from flk.spec.errors import UnusableInput

WRONG = """
import json, sys
for line in sys.stdin:
    message = json.loads(line)
    if "hello" in message:
        reply = {"hello": {"protocol": 1, "name": "<wrong>", "language": "Python", "operations": ["regime"]}}
    elif "bye" in message:
        reply = {"bye": {}}
    else:
        reply = {"seq": message["run"], "value": "mixed"}
    print(json.dumps(reply), flush=True)
    if "bye" in message:
        break
"""


@pytest.fixture(scope="module")
def wrong() -> Report:
    """The report on a subject that calls every regime mixed."""
    return check_sdk([sys.executable, "-c", WRONG], ["regime"])


def test_every_name_is_documented_with_an_example() -> None:
    """Meaning, errors and an example, on each name that is exported."""
    assert undocumented(flk.conformance) == []


@pytest.mark.slow
def test_every_example_runs_on_the_exported_names() -> None:
    """What the documentation shows is what comes out."""
    assert failing_examples(flk.conformance) == []


def test_a_report_shows_what_does_not_conform_by_its_smallest_input(wrong: Report) -> None:
    """A notebook shows verdict, requirements, the smallest case that fails, and the line that asks again; all escaped."""
    assert wrong.verdict is Verdict.VIOLATED
    failed = [result for result in wrong.results if not result.conforms]
    (shown,) = wrong.failures()
    assert len(failed) > 1
    assert len(shown.input) == min(len(result.input) for result in failed)
    page = wrong._repr_html_()
    for part in ("✗ violated", "&lt;wrong&gt;", shown.name, "SIG-4", "flk conform sdk --operation=regime --"):
        assert part in page
    assert "<wrong>" not in page
    assert repr(wrong).startswith("<Report on <wrong>")


@pytest.mark.parametrize("library", ["pandas", "polars", "pyarrow"])
def test_a_report_is_a_frame_of_any_library(wrong: Report, library: str) -> None:
    """One row for each result, whatever makes frames."""
    assert len(wrong.to_frame(library)) == len(wrong.results)


def test_the_line_that_asks_again_names_what_failed() -> None:
    """For a server with a wrong key it names tenant, seed and the checks that failed."""
    with reference_server({"default": HmacKey(b"its own")}) as url:
        report = check_server(url, {"default": HmacKey(b"another")}, checks=["accepted", "malformed"], seed=3)
    line = f"flk conform server {url} --key=KEYS.toml --tenant=default --seed=3 --check=accepted --check=malformed"
    assert report.again == line


def test_a_misspelt_name_is_answered_with_the_nearest() -> None:
    """Operations and checks alike."""
    with pytest.raises(UnusableInput, match="did you mean merkle_root"):
        vectors("merkel_root")
    with pytest.raises(UnusableInput, match="did you mean wrong-id"):
        check_server("http://127.0.0.1:1", {"default": HmacKey(b"")}, checks=["wrong_id"])


def test_a_command_may_be_one_text(tmp_path: Path) -> None:
    """As it would be typed, quotes included."""
    script = tmp_path / "my subject.py"
    script.write_text(WRONG, "utf-8")
    assert check_sdk(f"{sys.executable} '{script}'", ["regime"]).verdict is Verdict.VIOLATED


def test_a_notebook_can_ask_an_sdk() -> None:
    """Within a running event loop, as in a notebook."""
    import asyncio

    async def cell() -> Report:
        return check_sdk([sys.executable, "-c", WRONG], ["regime"])

    assert asyncio.run(cell()).verdict is Verdict.VIOLATED
