"""A page of a real browser with the reference SDKs, and an outbox that outlives it: `outbox_page.js` answers what it is told."""

import os
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit
from uuid import uuid4

import msgspec
import pytest
from tests.support.conformance.sdks import TYPESCRIPT, WEBASSEMBLY, built

from flk.conformance.browser.bridge import Evaluated, Page, serving
from flk.conformance.browser.chromium import Chromium, Message, executable

MODULE = Path(__file__).with_name("outbox_page.js")
SDKS = {"typescript": TYPESCRIPT, "webassembly": WEBASSEMBLY}


class _Said(msgspec.Struct, frozen=True):
    """What the page wrote to its console."""

    args: tuple[msgspec.Raw, ...] = ()


class _Text(msgspec.Struct, frozen=True):
    value: str = ""


class Thrown(Exception):
    """What the page threw."""


class OutboxPage:
    """The page, told line by line what to do."""

    def __init__(self, browser: Chromium, url: str, profile: Path, module: str = MODULE.name) -> None:
        self.browser = browser
        self.origin = url.rstrip("/")
        self.heard: list[str] = []
        """What it wrote to its console."""
        self._profile = profile
        self._module = module
        self._page = Page(browser, url, module)

    def another(self, module: str = "") -> Self:
        """Another page of the browser, with that module if one is named."""
        return type(self)(self.browser, f"{self.origin}/", self._profile, module or self._module)

    def elsewhere(self) -> Self:
        """The same page at an origin of which the browser knows nothing."""
        origin = self.origin.replace("127.0.0.1", f"{uuid4().hex}.localhost")
        return type(self)(self.browser, f"{origin}/", self._profile, self._module)

    def close(self) -> None:
        """Close the page."""
        self.browser.call("Target.closeTarget", {"targetId": self._page.target}, self._hear)

    def command(self, method: str, **parameters: object) -> None:
        """Give the page a command of the DevTools protocol."""
        self.browser.call(method, parameters, self._hear, self._page.session)

    def run(self, code: str) -> object:
        """What the body of a function returns. Raises Thrown."""
        number = self.start(code)
        for message in self.browser.messages:
            if message.id == number:
                evaluated = msgspec.json.decode(message.result, type=Evaluated)
                if evaluated.exception is not None:
                    raise Thrown(str(evaluated.exception))
                return msgspec.json.decode(str(evaluated.result.value))
            self._hear(message)
        raise AssertionError(self.browser.epitaph())

    def start(self, code: str) -> int:
        """Have it run, and do not wait."""
        return self._page.ask(code)

    def listen(self, enough: Callable[[list[str]], bool]) -> None:
        """Until what was heard is enough."""
        for message in self.browser.messages:
            self._hear(message)
            if enough(self.heard):
                return
        raise AssertionError(self.browser.epitaph())

    def kill(self) -> None:
        """Kill all processes of the browser, with SIGKILL, and hear what it had said."""
        for process in processes(self._profile):
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        for message in self.browser.messages:
            self._hear(message)

    def _hear(self, event: Message) -> None:
        if event.method == "Runtime.consoleAPICalled":
            said = msgspec.json.decode(event.params, type=_Said)
            self.heard += [msgspec.json.decode(each, type=_Text).value for each in said.args]
        elif event.method:
            sys.stderr.write(f"{event.method}\n")


def processes(profile: Path) -> list[int]:
    """The browser's processes with that profile, but not the shell that tidies up."""
    found = []
    for one in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has ended
            words = (one / "cmdline").read_bytes()
            if f"--user-data-dir={profile}".encode() in words and not words.startswith(b"sh\0"):
                found.append(int(one.name))
    return found


def root(folder: Path, factory: pytest.TempPathFactory, *languages: str) -> Path:
    """Fill a folder with what the page sees: itself and the SDKs of those names, which it may change."""
    folder.mkdir()
    shutil.copy(MODULE, folder)
    for language in languages:
        shutil.copytree(
            built(SDKS[language], factory),
            folder / f"sdk-{SDKS[language].folder.relative_to(TYPESCRIPT.folder.parent)}".replace("/", "-"),
            ignore=shutil.ignore_patterns("node_modules"),
        )
    return folder


def planted(folder: Path, name: str, module: str, right: str, wrong: str) -> str:
    """Put what the page sees into a folder of that name there, with another text in a module; the page's own module."""
    source = Path("sdk-typescript", "dist", "src")
    shutil.copytree(folder / source, folder / name / source)
    shutil.copy(MODULE, folder / name)
    changed = folder / name / source / f"{module}.js"
    text = changed.read_text("utf-8")
    assert text.count(right) == 1, f"{module}.js has {right!r} {text.count(right)} times"
    changed.write_text(text.replace(right, wrong), "utf-8")
    return f"{name}/{MODULE.name}"


@contextmanager
def outbox_page(folder: Path, profile: Path) -> Iterator[OutboxPage]:
    """A page of that folder in a browser with that profile."""
    with ExitStack() as stack:
        browser = stack.enter_context(Chromium(executable(), profile))
        yield OutboxPage(browser, stack.enter_context(serving(folder, profile)), profile)


def databases(page: OutboxPage, profile: Path) -> Path:
    """The folder in which Chromium keeps the databases of the page's origin."""
    port = urlsplit(page.origin).port
    return profile / "Default" / "IndexedDB" / f"http_127.0.0.1_{port}.indexeddb.leveldb"
