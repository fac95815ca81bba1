"""`flk conform browser`: a subject whose code runs in a page of a real browser.

The page is served from the loopback, which browsers trust as they trust HTTPS: WebCrypto is there. It imports a module, whose
function `answer` gets each line of the kit and returns, or promises, the line that a subject would write.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Condition, Thread
from urllib.parse import quote

import msgspec

from flk.conformance.browser.chromium import Chromium, Lost, Message
from flk.conformance.sdk.protocol import Bye, NotAMessage, read_request
from flk.spec.errors import UnusableInput

PAGE = b'<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,"><title>flk conform browser</title>'
IMPORT = """import({module}).then((subject) => {{
  if (typeof subject.answer !== "function") throw new TypeError({module} + " exports no function answer");
  return subject;
}})"""
PORT = "flk.port"
"""The file of a profile that names its page's port."""
ASK = "function (line) { return this.answer(line); }"


class Thing(msgspec.Struct, frozen=True):
    """A value of the page: what JSON can carry, or a handle of something else."""

    value: object = None
    description: str = ""
    object_id: str = msgspec.field(name="objectId", default="")


class Thrown(msgspec.Struct, frozen=True):
    """What the page threw."""

    text: str
    exception: Thing = Thing()

    def __str__(self) -> str:
        return self.exception.description or f"{self.text} {self.exception.value}"


class Evaluated(msgspec.Struct, frozen=True):
    """What came of running some code in the page."""

    result: Thing
    exception: Thrown | None = msgspec.field(name="exceptionDetails", default=None)

    @classmethod
    def read(cls, result: msgspec.Raw) -> Thing:
        """The value. Raises Lost for what was thrown."""
        found = msgspec.json.decode(result, type=cls)
        if found.exception is not None:
            raise Lost(str(found.exception))
        return found.result


class _Files(SimpleHTTPRequestHandler):
    """The page, and the files of a folder."""

    extensions_map: dict[str, str] = {  # noqa: RUF012  # it is one of each instance there
        **SimpleHTTPRequestHandler.extensions_map,
        ".js": "text/javascript",
        ".mjs": "text/javascript",
        ".wasm": "application/wasm",
    }

    def do_GET(self) -> None:
        """Answer the page itself, or a file."""
        if self.path != "/":
            super().do_GET()
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(PAGE)))
        self.end_headers()
        self.wfile.write(PAGE)

    def log_message(self, format: str, *values: object) -> None:  # noqa: A002  # the name it has there
        """Say nothing: what a page lacks, its import tells."""


def _port(profile: Path | None) -> int:
    """Where the last page with the profile was: what it stored belongs to its address. 0, any free port, if there was none."""
    try:
        return 0 if profile is None else int((profile / PORT).read_text("ascii"))
    except (FileNotFoundError, ValueError):
        return 0


@contextmanager
def serving(folder: Path, profile: Path | None = None) -> Iterator[str]:
    """The URL of a server of the page and of the folder's files, on the loopback alone; with a profile always the same one.

    Raises UnusableInput if another process is there.
    """
    port = _port(profile)
    try:
        bound = ThreadingHTTPServer(("127.0.0.1", port), partial(_Files, directory=str(folder)))
    except OSError as error:
        raise UnusableInput(
            f"port {port} of {profile}: {error.strerror}; wait for who has it, or name another profile"
        ) from None
    if profile is not None:
        (profile / PORT).write_text(str(bound.server_port), "ascii")
    with bound as server:
        Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()


class _Made(msgspec.Struct, frozen=True):
    """What a command made, and what went wrong with it."""

    target: str = msgspec.field(name="targetId", default="")
    session: str = msgspec.field(name="sessionId", default="")
    problem: str = msgspec.field(name="errorText", default="")


class Page:
    """The page with its module in it."""

    def __init__(self, browser: Chromium, url: str, module: str) -> None:
        self._browser = browser
        self.session = ""
        self.target = self._told("Target.createTarget", url="about:blank").target
        self.session = self._told("Target.attachToTarget", targetId=self.target, flatten=True).session
        self._told("Runtime.enable")
        self._told("Inspector.enable")
        problem = self._told("Page.navigate", url=url).problem  # answered once the page is there
        if problem:
            raise Lost(f"{url}: {problem}")
        expression = IMPORT.format(module=msgspec.json.encode(f"/{quote(module)}").decode())
        self._subject = self._evaluated("Runtime.evaluate", expression=expression, awaitPromise=True).object_id

    def ask(self, line: str) -> int:
        """Put a line to the module; the number of the message that will bring its answer."""
        call = {
            "objectId": self._subject,
            "functionDeclaration": ASK,
            "arguments": [{"value": line}],
            "awaitPromise": True,
            "returnByValue": True,
        }
        return self._browser.send("Runtime.callFunctionOn", call, self.session)

    def _told(self, method: str, **parameters: object) -> _Made:
        return msgspec.json.decode(self._browser.call(method, parameters, show, self.session), type=_Made)

    def _evaluated(self, method: str, **parameters: object) -> Thing:
        return Evaluated.read(self._browser.call(method, parameters, show, self.session))


class _Console(msgspec.Struct, frozen=True):
    """What the page wrote to its console, or threw where nobody caught it."""

    args: tuple[Thing, ...] = ()
    exception: Thrown | None = msgspec.field(name="exceptionDetails", default=None)

    def __str__(self) -> str:
        said = " ".join(each.description or str(each.value) for each in self.args)
        return said if self.exception is None else str(self.exception)


def show(event: Message) -> None:
    """Write what the page says for people to stderr. Raises Lost for a page that crashed."""
    if event.method in {"Runtime.consoleAPICalled", "Runtime.exceptionThrown"}:
        sys.stderr.write(f"{msgspec.json.decode(event.params, type=_Console)}\n")
    elif event.method == "Inspector.targetCrashed":
        raise Lost("the page crashed")


class _Conversation:
    """Lines go from stdin to the page in a thread, and answers from the page to stdout in ours, as they come."""

    def __init__(self, browser: Chromium, page: Page) -> None:
        self._browser = browser
        self._page = page
        self._open = 0
        self._settled = Condition()
        self._over = False

    def run(self) -> None:
        """Converse until all is answered up to the kit's bye or the end of the input. Raises Lost."""
        Thread(target=self._fed, daemon=True).start()
        for message in self._browser.messages:
            if message.id:
                self._answer(message)
            else:
                show(message)
        if not self._over:
            raise Lost(self._browser.epitaph())

    def _fed(self) -> None:
        with suppress(Lost):  # which our own thread learns, too
            self._feed()

    def _feed(self) -> None:
        for line in os.fdopen(0, "rb", closefd=False):  # sys.stdin cannot be closed while a thread waits for it
            with self._settled:
                self._open += 1
            self._page.ask(line.decode().rstrip("\n"))
            if _is_bye(line):
                break
        with self._settled:
            self._settled.wait_for(lambda: not self._open)
            self._over = True
        self._browser.hang_up()

    def _answer(self, message: Message) -> None:
        if message.error is not None:
            raise Lost(message.error.message)
        sys.stdout.write(f"{Evaluated.read(message.result).value}\n")
        sys.stdout.flush()
        with self._settled:
            self._open -= 1
            self._settled.notify()


def _is_bye(line: bytes) -> bool:
    try:
        return isinstance(read_request(line), Bye)
    except NotAMessage:
        return False  # whoever wrote it, the page sees what it makes of it


def bridge(module: Path, root: Path | None, command: str, profile: Path | None = None) -> None:
    """Answer the kit on stdin and stdout by a module in a page. `root` is the folder that the page sees, by default the module's.
    What the page stores is kept in the folder `profile`, if there is one, for the next page with it, which has the same address.

    Raises UnusableInput for a module that is not a file in it, Lost if the browser or the module fails.
    """
    folder = (root or module.parent).resolve()
    if not module.is_file() or not module.resolve().is_relative_to(folder):
        raise UnusableInput(f"{module}: name a module of JavaScript, in the folder {folder}")
    with Chromium(command, profile) as browser, serving(folder, profile) as url:
        page = Page(browser, url, module.resolve().relative_to(folder).as_posix())
        _Conversation(browser, page).run()
