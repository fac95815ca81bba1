"""What a built site links to and loads: links that lead nowhere, and anything that would come from another host."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

_LOADS = {
    ("script", "src"),
    ("img", "src"),
    ("iframe", "src"),
    ("source", "src"),
    ("video", "src"),
    ("use", "href"),
    ("link", "href"),
}
_REMOTE = re.compile(r"^(?:[a-z]+:)?//", re.IGNORECASE)
_STYLE_LOADS = re.compile(r"""url\(\s*["']?([^"')]+)|@import\s+["']([^"']+)""")


@dataclass
class Document(HTMLParser):
    """What a page offers and wants: its anchors, its links, and what it loads."""

    anchors: set[str] = field(default_factory=set)
    links: list[str] = field(default_factory=list)
    loads: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Called for each tag."""
        for name, value in attrs:
            if not value:
                continue
            if name in {"id", "name"}:
                self.anchors.add(value)
            elif (tag, name) == ("a", "href"):
                self.links.append(value)
            elif (tag, name) in _LOADS:
                self.loads.append(value)
            elif name == "style":
                self.loads += style_loads(value)


def style_loads(text: str) -> list[str]:
    """What a style sheet loads.

    >>> style_loads('a { background: url("x.png") }')
    ['x.png']
    """
    return [first or second for first, second in _STYLE_LOADS.findall(text)]


def remote_loads(site: Path) -> Iterator[str]:
    """Each thing that a page or a style sheet of the site would load from another host."""
    for page, document in _documents(site).items():
        yield from (f"{page.relative_to(site)}: {load}" for load in document.loads if _REMOTE.match(load))
    for sheet in sorted(site.rglob("*.css")):
        yield from (
            f"{sheet.relative_to(site)}: {load}"
            for load in style_loads(sheet.read_text("utf-8"))
            if _REMOTE.match(load)
        )


def dead_links(site: Path) -> Iterator[str]:
    """Each link or load of a page that leads to no file of the site, or to no anchor of it."""
    documents = _documents(site)
    for page, document in documents.items():
        for target in (*document.links, *document.loads):
            if _REMOTE.match(target) or re.match(r"(mailto|data|javascript):", target):
                continue
            path, _, anchor = target.partition("#")
            file = (page.parent / unquote(path)).resolve() if path else page
            known = file in documents
            if not file.is_file() or (anchor and known and unquote(anchor) not in documents[file].anchors):
                yield f"{page.relative_to(site)}: {target}"


def _documents(site: Path) -> dict[Path, Document]:
    """Every page of the site by its file, but for the one that a server shows for addresses it does not know."""
    found = {}
    for page in sorted(site.resolve().rglob("*.html")):
        if page.name != "404.html":
            found[page] = Document()
            found[page].feed(page.read_text("utf-8"))
    return found
