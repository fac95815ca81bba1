"""Pages in a real browser send to a real server, which tells the browser what it may show them (HTTP-11)."""

import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import msgspec
import pytest
from tests.support.impl.client import keys_of
from tests.support.impl.processes import listens
from tests.support.impl.regions import RECORDS

from flk.impl.server.process import serve_command
from flk.model.flow.answers import SUBMIT_PATH

pytestmark = pytest.mark.slow

MODULE = """
export async function answer(line) {
  const { url, ...request } = JSON.parse(line);
  if (url === undefined) return location.origin;
  try {
    const said = await fetch(url, request);
    return JSON.stringify([said.status, await said.text(), said.headers.get("Retry-After")]);
  } catch (error) {
    return JSON.stringify([0, error.name, null]);
  }
}"""
HIDDEN = (0, "TypeError", None)
"""What a page sees of an answer that it may not see."""

Seen = tuple[int, str, str | None]


class Page:
    """A page of a browser, which asks servers."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process
        self.origin = self._said({})

    def ask(self, url: str, **request: object) -> Seen:
        """Status, body and `Retry-After` as the page sees them."""
        seen: Seen = msgspec.json.decode(self._said({"url": url, **request}), type=Seen)
        return seen

    def submit(self, server: str, body: bytes) -> Seen:
        """Send a record as an agent does."""
        fields = {"Content-Type": "application/json", "X-Tenant-Id": "default"}
        return self.ask(server + SUBMIT_PATH, method="POST", headers=fields, body=body.decode())

    def _said(self, message: Mapping[str, object]) -> str:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(msgspec.json.encode(message).decode() + "\n")
        self._process.stdin.flush()
        return self._process.stdout.readline().rstrip("\n")


@pytest.fixture
def page(tmp_path: Path) -> Iterator[Page]:
    """A page on the loopback."""
    module = tmp_path / "page" / "page.js"
    module.parent.mkdir()
    module.write_text(MODULE, "utf-8")
    words = [sys.executable, "-m", "flk.impl.command", "conform", "browser", str(module)]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield Page(process)
        finally:
            assert process.stdin is not None
            process.stdin.close()


def test_a_page_reads_answers_if_its_origin_is_named(page: Page, tmp_path: Path) -> None:
    """The origin itself or all: what is stored, refused and to be tried again; no page of another origin, and none by default."""
    base = serve_command(tmp_path / "data", keys_of(tmp_path))
    for named in (page.origin, "*"):
        with listens([*base, "--allow-origin", named, "--limit", "peer_burst_bytes=1"]) as server:
            status, body, _ = page.submit(server.url, RECORDS[0].body)
            assert (status, '"accepted":true' in body) == (200, True)
            status, body, _ = page.submit(server.url, b"no record" * 1000)
            assert (status, '"REC-' in body) == (400, True)
            status, body, wait = page.submit(server.url, b"no record" * 1000)
            assert (status, '"HTTP-9"' in body, wait is None) == (429, True, False)
            assert page.ask(f"{server.url}/health")[0] == 200
            assert page.ask(f"{server.url}/nowhere")[0] == 404
            assert page.ask(server.url + SUBMIT_PATH, method="PUT", body="a") == HIDDEN  # the preflight names POST
    for options in ((), ("--allow-origin", "https://other.example")):
        with listens([*base, *options]) as server:
            assert page.submit(server.url, RECORDS[0].body) == HIDDEN
            assert page.ask(f"{server.url}/health") == HIDDEN


def test_an_origin_that_is_none_is_refused_before_the_node_starts(tmp_path: Path) -> None:
    """With exit code 2, and how to write one."""
    command = [*serve_command(tmp_path / "data", keys_of(tmp_path)), "--allow-origin", "lab.example/"]
    ended = subprocess.run(command, text=True, capture_output=True, check=False)
    assert ended.returncode == 2
    assert "it is written as browsers do" in " ".join(ended.stderr.split())
    assert not (tmp_path / "data").exists()
