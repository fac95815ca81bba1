"""The page of the guide that leads from nothing to two regions in earnest, followed by a new operator."""

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from tests.support.impl import store_servers

PAGE = Path(__file__).parents[3] / "spec" / "docs" / "pages" / "guides" / "deploy.md"
FILE = re.compile(r'^```\w+ title="([\w.]+)"\n(.*?)^```$', re.MULTILINE | re.DOTALL)


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """An empty folder with the files of the page; what was started there ends with the test."""
    chapter = PAGE.read_text().partition("## In earnest, by hand")[2].partition("\n## ")[0]
    for name, content in FILE.findall(chapter):
        (tmp_path / name).write_text(content)
    yield tmp_path
    for pid in tmp_path.glob("*.pid"):
        with suppress(ProcessLookupError, ValueError):
            os.kill(int(pid.read_text()), signal.SIGTERM)


@pytest.mark.slow
def test_a_new_operator_comes_from_nothing_to_two_regions(folder: Path) -> None:
    """Prepare, start, try: each script of the page ends well, and says what the page promises."""
    assert shutil.which("prometheus"), "prometheus: apt-get install prometheus"
    server = store_servers.postgres()
    stores = {f"STORE_{region.upper()}": server.url(f"earnest_{region}") for region in ("eu", "us")}
    bin_ = str(Path(sys.executable).parent)
    surroundings = os.environ | stores | {"PATH": f"{bin_}:{os.environ['PATH']}"}

    def follow(script: str) -> str:
        with (folder / f"{script}.out").open("w+") as out:  # what is started keeps no pipe open
            command = ["sh", script]
            done = subprocess.run(
                command, cwd=folder, env=surroundings, stdout=out, stderr=out, check=False, timeout=120
            )
            out.seek(0)
            said = out.read()
        assert done.returncode == 0, said + "".join(log.read_text()[-2000:] for log in folder.glob("*.log"))
        return said

    follow("prepare.sh")
    assert follow("start.sh").endswith("ready\nready\n")
    said = follow("try.sh")
    assert "acknowledged with 200" in said
    assert 'flk_segments_replayed_total{source="eu"}' in said
    assert '"shards"' in said
    assert '"2"' in said
    assert said.endswith("FLKReplicationLag\n")
