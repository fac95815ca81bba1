"""A page of a real browser answers the kit: every line, in the page's own time; nothing of the browser is left, however it ends."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from socket import create_connection
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

import msgspec
import pytest

from flk.conformance import check_sdk
from flk.conformance.browser.bridge import serving
from flk.conformance.reports.report import CaseStatus
from flk.conformance.sdk.driver import conform
from flk.impl.command import main
from flk.spec.errors import UnusableInput
from flk.spec.vectors import load
from flk.spec.verdict import Verdict

pytestmark = pytest.mark.slow

HELLO = '{"hello": {"protocol": 1, "kit": "tests"}}\n'
ECHO = "export const answer = (line) => line;"
SUBJECT = """
import {{ about }} from "./about.js";
const hello = {{ ...about, operations: ["pcs_id"] }};
const hex = (bytes) => Array.from(new Uint8Array(bytes), (byte) => byte.toString(16).padStart(2, "0")).join("");
export async function answer(line) {{
  const {{ run, bye, input }} = JSON.parse(line);
  if (run === undefined) return JSON.stringify(bye ? {{ bye }} : {{ hello }});
  {what_it_does}
}}
"""
RIGHT = """
  const named = new TextEncoder().encode([input.merkle_root, input.epoch, input.shard_id].join("|"));
  return JSON.stringify({ seq: run, value: hex(await crypto.subtle.digest("SHA-256", named)) });
"""
ABOUT = 'export const about = { protocol: 1, name: "page", language: "JavaScript" };'


def command(module: Path) -> list[str]:
    """The command of a module's bridge."""
    return [sys.executable, "-m", "flk.impl.command", "conform", "browser", str(module)]


@pytest.fixture
def written(tmp_path: Path) -> Callable[[str], Path]:
    """Writes a module of that text."""

    def write(text: str) -> Path:
        (tmp_path / "subject.js").write_text(text, "utf-8")
        return tmp_path / "subject.js"

    return write


@pytest.fixture
def place(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder of temporary files of what a test starts; its name is short, as sockets want it."""
    with TemporaryDirectory(prefix="t-", dir="/tmp") as folder:
        monkeypatch.setenv("TMPDIR", folder)
        yield Path(folder)


def told(module: Path, lines: str, *options: str) -> "subprocess.CompletedProcess[str]":
    """What a bridge says to some lines, and how it ends."""
    return subprocess.run([*command(module), *options], input=lines, text=True, capture_output=True, check=False)


def processes(place: Path) -> dict[int, bytes]:
    """The commands of those that name a folder in theirs."""
    found = {}
    for one in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has ended
            words = (one / "cmdline").read_bytes()
            if str(place).encode() in words:
                found[int(one.name)] = words
    return found


def wait_until_nothing_is_left(place: Path) -> None:
    """Until no process names the folder and it is empty. Fails if that does not come."""
    for _ in range(600):
        if not processes(place) and not list(place.iterdir()):
            return
        time.sleep(0.05)
    pytest.fail(f"left: {processes(place)}, {list(place.iterdir())}")


def test_answers_come_as_the_page_keeps_its_promises(written: Callable[[str], Path], place: Path) -> None:
    """Each line is answered, a later one first if it is settled first, all before the end; then nothing of the browser is left."""
    module = written(
        "export const answer = (line) => line === 'slow' ? new Promise((kept) => setTimeout(kept, 500, line)) : line + '\\u00e9';"
    )
    ended = told(module, "slow\nfast\n")
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "fasté\nslow\n", "")
    assert (processes(place), list(place.iterdir())) == ({}, [])


def test_the_page_may_use_what_pages_on_https_may(written: Callable[[str], Path], place: Path) -> None:
    """WebCrypto is there, Ed25519 too, and WebAssembly is streamed from a file."""
    module = written(
        """
        export async function answer() {
          const { publicKey } = await crypto.subtle.generateKey("Ed25519", false, ["sign", "verify"]);
          const { module } = await WebAssembly.instantiateStreaming(fetch("/empty.wasm"));
          return [isSecureContext, publicKey.algorithm.name, WebAssembly.Module.exports(module).length].join();
        }"""
    )
    (module.parent / "empty.wasm").write_bytes(b"\0asm\1\0\0\0")
    assert told(module, "go\n").stdout == "true,Ed25519,0\n"


def test_a_page_conforms_or_not_as_any_subject(written: Callable[[str], Path], place: Path) -> None:
    """The kit asks a module that imports another; another bar in the id shows."""
    module = written(SUBJECT.format(what_it_does=RIGHT))
    (module.parent / "about.js").write_text(ABOUT, "utf-8")
    right = check_sdk(command(module), ["pcs_id"])
    assert (right.verdict, right.remarks) == (Verdict.HOLDS, ())
    wrong = check_sdk(command(written(SUBJECT.format(what_it_does=RIGHT.replace('"|"', '":"')))), ["pcs_id"])
    assert wrong.verdict is Verdict.VIOLATED
    wait_until_nothing_is_left(place)


def test_a_page_that_never_answers_is_ended(written: Callable[[str], Path], place: Path) -> None:
    """A loop without end in the page: the kit kills the bridge, and with it goes the browser."""
    module = written(SUBJECT.format(what_it_does="for (;;);"))
    (module.parent / "about.js").write_text(ABOUT, "utf-8")
    (group,) = (one for one in load() if one.name == "pcs_id")
    first = msgspec.structs.replace(group, cases=group.cases[:1])
    report = conform(command(module), [first], deadline=1.0)
    assert [result.status for result in report.results] == [CaseStatus.SILENT]
    wait_until_nothing_is_left(place)


def test_the_folder_is_served_at_one_address_of_the_loopback(tmp_path: Path) -> None:
    """Nobody who comes by another address of the machine is answered."""
    with serving(tmp_path) as url:
        port = urlsplit(url).port
        assert port is not None
        create_connection(("127.0.0.1", port)).close()
        with pytest.raises(ConnectionRefusedError):
            create_connection(("127.0.0.2", port))


@pytest.mark.parametrize("end", ["killed", "its group killed", "input closed", "interrupted"])
def test_nothing_of_the_browser_outlives_the_bridge(end: str, written: Callable[[str], Path], place: Path) -> None:
    """However the bridge ends, its browser ends, and its profile is removed."""
    with subprocess.Popen(
        command(written(ECHO)), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as bridge:
        assert bridge.stdin is not None
        assert bridge.stdout is not None
        bridge.stdin.write(HELLO)
        bridge.stdin.flush()
        assert bridge.stdout.readline() == HELLO
        assert processes(place)
        assert list(place.iterdir())
        if end == "killed":
            bridge.kill()
        elif end == "its group killed":
            os.killpg(bridge.pid, signal.SIGKILL)
        elif end == "interrupted":
            bridge.send_signal(signal.SIGINT)
        else:
            bridge.stdin.close()
        bridge.wait()
        assert (bridge.returncode == 0) == (end == "input closed")
    wait_until_nothing_is_left(place)


@pytest.mark.parametrize(
    ("module", "why"),
    [
        ("export const answer = () => { throw new RangeError('too much'); };", "RangeError: too much"),
        ("export const answer = async () => { throw new RangeError('too late'); };", "RangeError: too late"),
        ("export const reply = 1;", "exports no function answer"),
        ("import 'nowhere';", "nowhere"),
        ("import './nowhere.js';", "subject.js"),
        ("const;", "SyntaxError"),
    ],
)
def test_a_module_that_fails_says_why(module: str, why: str, written: Callable[[str], Path], place: Path) -> None:
    """The bridge ends with exit code 1, what was thrown is on stderr, and the browser is gone."""
    ended = told(written(module), HELLO)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert why in ended.stderr
    assert (processes(place), list(place.iterdir())) == ({}, [])


@pytest.mark.parametrize(
    ("ended", "why"), [(b"--remote-debugging-pipe", "the browser ended"), (b"--type=renderer", "the page crashed")]
)
def test_a_browser_or_a_page_that_ends_by_itself_is_told(
    ended: bytes, why: str, written: Callable[[str], Path], place: Path
) -> None:
    """Whoever kills one of them sees the bridge end, with exit code 1, and with it the rest."""
    with subprocess.Popen(
        command(written(ECHO)), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as bridge:
        assert bridge.stdin is not None
        assert bridge.stdout is not None
        assert bridge.stderr is not None
        bridge.stdin.write(HELLO)
        bridge.stdin.flush()
        bridge.stdout.readline()
        victims = [
            process
            for process, words in processes(place).items()
            if ended in words and not words.startswith(b"sh\0")  # which tidies up
        ]
        assert victims
        for process in victims:
            os.kill(process, signal.SIGKILL)
        assert why in bridge.stderr.read()
        assert bridge.wait() == 1
    wait_until_nothing_is_left(place)


def test_what_the_page_says_for_people_goes_to_stderr(written: Callable[[str], Path], place: Path) -> None:
    """Its console, and what is thrown where nobody catches it."""
    module = written(
        """
        console.log("five", 5, [1]);
        setTimeout(() => { throw new Error("uncaught"); });
        export const answer = (line) => new Promise((kept) => setTimeout(kept, 100, line));"""
    )
    ended = told(module, "a\n")
    assert (ended.returncode, ended.stdout) == (0, "a\n")
    assert "five 5 Array(1)\n" in ended.stderr
    assert "Error: uncaught" in ended.stderr


def test_a_file_that_is_no_module_of_the_folder_and_a_browser_that_is_not_there_are_refused(
    written: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With exit code 2, and how to mend it."""
    (tmp_path / "other").mkdir()
    module = str(written(ECHO))
    for words, why in (
        ([str(tmp_path / "nowhere.js")], "name a module of JavaScript"),
        (["--root", str(tmp_path / "other"), module], "name a module of JavaScript"),
        (["--browser", "no-browser", module], "there is no command no-browser: install Chromium"),
    ):
        monkeypatch.setattr(sys, "argv", ["flk", "conform", "browser", *words])
        with pytest.raises(SystemExit) as ended:
            main()
        assert ended.value.code == 2
        assert why in capsys.readouterr().err


def test_the_page_sees_its_folder_and_nothing_above(written: Callable[[str], Path], place: Path) -> None:
    """A file beside the folder is not served."""
    module = written("export const answer = (path) => fetch(path).then((found) => String(found.status));")
    folder = module.parent / "root"
    folder.mkdir()
    (folder.parent / "secret").write_text("secret", "utf-8")
    shutil.copy(module, folder)
    ended = told(folder / "subject.js", "/subject.js\n/../secret\n/..%2Fsecret\n")
    assert sorted(ended.stdout.splitlines()) == ["200", "404", "404"]


KEEPS = """
export const answer = (line) => {
  const before = localStorage.getItem("kept") ?? "nothing";
  localStorage.setItem("kept", line);
  return location.origin + " " + before;
};"""


def test_what_a_page_stores_is_kept_with_a_profile_and_only_then(
    written: Callable[[str], Path], place: Path, tmp_path: Path
) -> None:
    """The next page with it has the same address, another profile another one, and a page without one finds nothing."""
    module = written(KEEPS)
    kept = ["--profile", str(tmp_path / "profile")]
    first, second = (told(module, f"{line}\n", *kept).stdout.split() for line in ("a", "b"))
    assert (first[1:], second) == (["nothing"], [first[0], "a"])
    assert told(module, "c\n").stdout.split()[1] == "nothing"
    wait_until_nothing_is_left(place)


def test_the_next_browser_with_a_profile_waits_until_the_last_one_is_gone(
    written: Callable[[str], Path], place: Path, tmp_path: Path
) -> None:
    """Whether that was told to end or its bridge was killed."""
    module = written(KEEPS)
    profile = tmp_path / "profile"
    words = [*command(module), "--profile", str(profile)]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as first:
        assert first.stdin is not None
        assert first.stdout is not None
        first.stdin.write("a\n")
        first.stdin.flush()
        before = first.stdout.readline().split()
        with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as second:
            while not waits_for_a_lock(second.pid):
                assert second.poll() is None
                time.sleep(0.01)
            first.kill()
            said, _ = second.communicate("b\n")
    assert (second.returncode, said.split()) == (0, [before[0], "a"])
    wait_until_nothing_is_left(place)


def waits_for_a_lock(process: int) -> bool:
    """Whether the system has it wait for another's lock of a file."""
    return any("->" in line and f" {process} " in line for line in Path("/proc/locks").read_text("ascii").splitlines())


def test_an_address_that_another_process_has_is_not_taken(tmp_path: Path) -> None:
    """What a page stored is at one address, and at no other."""
    with (
        serving(tmp_path, tmp_path) as url,
        pytest.raises(UnusableInput, match="name another profile"),
        serving(tmp_path, tmp_path),
    ):
        pytest.fail(f"{url} was taken twice")
