"""Pages that stand elsewhere in the checkout: README, guides, decisions, notebooks; and the sources that they link to."""

import json
import re
from collections.abc import Callable, Iterator
from os.path import normpath, relpath
from pathlib import PurePosixPath

from flkdocs import ROOT
from flkdocs.markdown import code, table

GUIDES = {
    "README.md": "index.md",
    "sim/README.md": "guides/simulator.md",
    "sim/example/README.md": "guides/pytest.md",
    "formal/README.md": "guides/protocols.md",
    "formal/coq/README.md": "guides/coq.md",
    "conformance/PROTOCOL.md": "guides/sdk-protocol.md",
    "CONTRIBUTING.md": "project/contributing.md",
    "CHANGELOG.md": "project/changelog.md",
    "SECURITY.md": "project/security.md",
    "impl/deploy/README.md": "guides/deployment-files.md",
}
"""Each guide's place on the site."""
OWN = "spec/docs/pages"
"""Where the pages stand that are written for the site alone."""
_LINK = re.compile(
    r"(?P<before>!?\[(?:[^\[\]]|\[[^\]]*\])*\]\()(?P<target>[^)\s#]*)(?P<anchor>#[^)\s]*)?(?P<after>(?:\s+\"[^\"]*\")?\))"
)
_CODE = re.compile(r"^(```+).*?^\1\s*$|`[^`\n]+`", re.DOTALL | re.MULTILINE)
_IMAGES = {".png", ".svg"}
_LANGUAGES = {
    ".py": "python",
    ".toml": "toml",
    ".json": "json",
    ".v": "coq",
    ".md": "markdown",
    ".c": "c",
    ".yml": "yaml",
    ".yaml": "yaml",
}


def origins() -> dict[str, str]:
    """The file of the checkout that each page of the site comes from."""
    found = {page: file for file, page in GUIDES.items()}
    found |= {
        f"decisions/{file.name}": f"spec/decisions/{file.name}" for file in (ROOT / "spec/decisions").glob("[0-9]*.md")
    }
    found |= {f"notebooks/{file.stem}.md": f"notebooks/{file.name}" for file in (ROOT / "notebooks").glob("*.ipynb")}
    return found | {
        str(file.relative_to(ROOT / OWN)): str(file.relative_to(ROOT)) for file in (ROOT / OWN).rglob("*.md")
    }


def names(folder: str) -> set[str]:
    """The pages in a folder of the site."""
    return {page for page in origins() if page.startswith(folder)}


def pages() -> dict[str, str]:
    """The pages whose files stand elsewhere, and a page for each source file or folder that one of them links to."""
    found: dict[str, str] = {}
    for page, file in origins().items():
        if not file.startswith(OWN):
            path = ROOT / file
            found[page] = notebook(path.read_text("utf-8")) if path.suffix == ".ipynb" else path.read_text("utf-8")
    texts = found | {page: (ROOT / file).read_text("utf-8") for page, file in origins().items() if file.startswith(OWN)}
    pending = {source for page, text in texts.items() for source in linked_sources(text, origins()[page])}
    return found | {source_page(source): _source(source) for source in sorted(pending)}


def linked_sources(text: str, file: str) -> Iterator[str]:
    """The files and folders of the checkout that a page links to and that are no pages themselves."""
    known = set(origins().values())
    for link in _links(text):
        target = _in_checkout(link["target"], file)
        if target and target not in known and PurePosixPath(target).suffix not in _IMAGES:
            yield target


def images() -> Iterator[str]:
    """The images of the checkout that pages show."""
    for file in origins().values():
        for link in _links((ROOT / file).read_text("utf-8")):
            target = _in_checkout(link["target"], file)
            if target and PurePosixPath(target).suffix in _IMAGES:
                yield target


def relinked(text: str, page: str) -> str:
    """A page with its links into the checkout turned into links to pages of the site.

    A link that leads to nothing in the checkout is left to MkDocs, which knows the generated pages.
    """
    file = origins().get(page)
    if file is None:
        return text
    places = {origin: place for place, origin in origins().items()}

    def turned(link: re.Match[str]) -> str:
        target = _in_checkout(link["target"], file)
        if not target:
            return link[0]
        place = places.get(target) or (target if PurePosixPath(target).suffix in _IMAGES else source_page(target))
        return f"{link['before']}{relpath(place, PurePosixPath(page).parent)}{link['anchor'] or ''}{link['after']}"

    return _outside_code(text, lambda prose: _LINK.sub(turned, prose))


def notebook(text: str) -> str:
    """A notebook with the outputs that it was executed with."""
    parts = []
    for cell in json.loads(text)["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            parts.append(source)
        elif source.strip():
            parts.append(code(source, "python"))
            parts += [shown for output in cell["outputs"] if (shown := _output(output))]
    return "\n\n".join(parts)


def _output(output: dict[str, object]) -> str:
    """One output: HTML or an image where there is one, else its text."""
    data = output.get("data")
    if not isinstance(data, dict):
        text = output.get("text", "")
        return code("".join(text), "text") if isinstance(text, str | list) and output.get("name") != "stderr" else ""
    if "image/png" in data:
        return f'<img alt="figure" src="data:image/png;base64,{"".join(data["image/png"]).strip()}">'
    if "image/svg+xml" in data:
        return _html("".join(data["image/svg+xml"]))
    if "text/html" in data:
        return _html("".join(data["text/html"]))
    return code("".join(data.get("text/plain", "")), "text")


def _html(text: str) -> str:
    """HTML that Markdown takes as one block: without blank lines."""
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("<?xml")]
    return '<div class="output">' + "\n".join(lines) + "</div>"


def source_page(source: str) -> str:
    """The page that shows a file or a folder."""
    return f"source/{source}.md"


def _source(source: str) -> str:
    """A file, highlighted, or what a folder holds."""
    path = ROOT / source
    if path.is_dir():
        rows = [
            (f"`{each.name}{'/' if each.is_dir() else ''}`", _purpose(each))
            for each in sorted(path.iterdir())
            if each.name[0] not in "._"
        ]
        return f"# `{source}/`\n\n{_purpose(path)}\n\n{table(['here', 'what it is'], rows)}"
    return f"# `{source}`\n\n{code(path.read_text('utf-8'), _LANGUAGES.get(path.suffix, 'text'))}"


def _purpose(path: object) -> str:
    """The first sentence of a module's docstring."""
    file = PurePosixPath(str(path))
    module = ROOT / file / "__init__.py" if (ROOT / file).is_dir() else ROOT / file
    if module.suffix != ".py" or not module.is_file():
        return ""
    found = re.match(r'"""(.*?)(?:"""|\n\n)', module.read_text("utf-8"), re.DOTALL)
    return " ".join(found[1].split()) if found else ""


def _links(text: str) -> Iterator[re.Match[str]]:
    return _LINK.finditer(_CODE.sub("", text))


def _outside_code(text: str, change: Callable[[str], str]) -> str:
    """The text with a change made to all of it that is not code."""
    parts, at = [], 0
    for found in _CODE.finditer(text):
        parts += [change(text[at : found.start()]), found[0]]
        at = found.end()
    return "".join([*parts, change(text[at:])])


def _in_checkout(target: str, file: str) -> str:
    """The file or folder of the checkout that a link in a file leads to; nothing for links to elsewhere, or to generated pages."""
    if not target or ":" in target:
        return ""
    path = normpath(str(PurePosixPath(file).parent / target))
    return path if not path.startswith("..") and (ROOT / path).exists() else ""
