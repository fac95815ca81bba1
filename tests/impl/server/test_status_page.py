"""The status page, as a browser has it."""

import re
from base64 import b64decode, b64encode
from hashlib import sha256
from pathlib import Path
from shutil import which

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.impl.operated import operated
from tests.support.model.world import HONEST

from flk.conformance.browser.chromium import Chromium, Message, executable
from flk.impl.server.status import Row, page

TEXTS = st.text(max_size=30)


@given(TEXTS, TEXTS, st.lists(st.tuples(TEXTS, TEXTS, st.sampled_from([None, True, False])), max_size=4))
def test_what_others_wrote_is_shown_as_text(reason: str, beside: str, rows: list[tuple[str, str, bool | None]]) -> None:
    """Reasons and names hold what anybody may have written: the page has the same elements whatever it is, and its one style is the
    one that the policy allows (API-8).
    """
    answer = page(reason, beside, [("Section", [Row(*row) for row in rows])])
    plain = page("x" if reason else "", "x" if beside else "", [("Section", [Row("x", "x", row[2]) for row in rows])])
    assert re.findall(rb"<[^>]*>", answer.body) == re.findall(rb"<[^>]*>", plain.body)
    (style,) = re.findall(rb"<style>(.*?)</style>", answer.body, re.DOTALL)
    policy = answer.headers[b"content-security-policy"].decode()
    assert f"style-src 'sha256-{b64encode(sha256(style).digest()).decode()}'" in policy
    assert "default-src 'none'" in policy
    assert not re.search(rb"\b(src|href)=|url\(|@import|<script", plain.body)


class Answered(msgspec.Struct):
    """What a browser is asked for in these tests."""

    data: str = ""
    session: str = msgspec.field(default="", name="sessionId")
    target: str = msgspec.field(default="", name="targetId")


class Tab:
    """A page of a browser, and what it complained of."""

    def __init__(self, browser: Chromium) -> None:
        self._browser = browser
        self.complaints: list[str] = []
        target = self._call("Target.createTarget", {"url": "about:blank"}).target
        self._session = self._call("Target.attachToTarget", {"targetId": target, "flatten": True}).session
        for domain in ("Page", "Network", "Log", "Runtime"):
            self._call(f"{domain}.enable")

    def _call(self, method: str, params: dict[str, object] | None = None) -> Answered:
        session = getattr(self, "_session", "")
        return msgspec.json.decode(self._browser.call(method, params or {}, self._noted, session), type=Answered)

    def _noted(self, message: Message) -> None:
        if message.method in {"Log.entryAdded", "Runtime.exceptionThrown", "Network.loadingFailed"}:
            self.complaints.append(bytes(message.params).decode())

    def show(self, url: str, headers: dict[str, str], scheme: str) -> bytes:
        """A picture of a page in a colour scheme."""
        self._call("Network.setExtraHTTPHeaders", {"headers": headers})
        self._call("Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": scheme}]})
        number = self._browser.send("Page.navigate", {"url": url}, self._session)
        loaded = replied = False
        for message in self._browser.messages:
            self._noted(message)
            loaded = loaded or message.method == "Page.loadEventFired"
            replied = replied or message.id == number
            if loaded and replied:
                break
        return b64decode(self._call("Page.captureScreenshot").data)


@pytest.mark.slow
@pytest.mark.skipif(which("chromium") is None, reason="needs chromium")
def test_a_browser_shows_the_page_and_finds_nothing_to_complain_of(tmp_path: Path) -> None:
    """No refused load, no script, no message; light and dark are different pictures (API-8)."""
    tenants = tmp_path / "tenants.toml"
    tenants.write_text('[[tenant]]\nid = "default"\nrecords_per_second = 5\n[[tenant]]\nid = "gone"\nactive = false\n')
    with operated(tmp_path, ["--tenants", str(tenants)]) as node, Chromium(executable()) as browser:
        assert node.public.submit(HONEST).status == 200
        tab = Tab(browser)
        password = b64encode(f"me:{node.tokens['operator']}".encode()).decode()
        pictures = [
            tab.show(f"{node.admin_url}/status", {"Authorization": f"Basic {password}"}, scheme)
            for scheme in ("light", "dark")
        ]
        shown = node.ask("/status").body.decode()
        for name, picture in zip(("light", "dark"), pictures, strict=True):
            (tmp_path / f"{name}.png").write_bytes(picture)
    assert tab.complaints == []
    assert '<td>default</td><td class="good">1 live keys; 5 records a second, 10 at once</td>' in shown
    assert '<td>gone</td><td class="bad">0 live keys; not active</td>' in shown
    assert all(picture.startswith(b"\x89PNG") and len(picture) > 10_000 for picture in pictures)
    assert pictures[0] != pictures[1]
