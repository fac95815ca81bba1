"""What MkDocs calls while it builds: placeholders are filled from the code, links into the checkout become links of the site."""

from importlib import import_module
from pathlib import Path
from sys import path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files, InclusionLevel
from mkdocs.structure.pages import Page

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
path[:0] = [str(HERE), *(str(ROOT / room) for room in ("spec", "model", "formal", "sim", "impl", "conformance"))]

guides = import_module("flkdocs.guides")
placeholders = import_module("flkdocs.placeholders")


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Name every decision, every notebook and every runbook in the table of contents."""
    for section in config.nav or ():
        for title in section.keys() & {"Decisions", "Notebooks", "Runbooks"}:
            section[title] += sorted(
                name
                for name in guides.origins()
                if name.startswith(f"{title.lower()}/") and not name.endswith("index.md")
            )
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages whose files stand elsewhere in the checkout, and the images that they show."""
    for name, text in guides.pages().items():
        level = InclusionLevel.NOT_IN_NAV if name.startswith("source/") else InclusionLevel.UNDEFINED
        files.append(File.generated(config, name, content=text, inclusion=level))
    for image in sorted(set(guides.images())):
        files.append(File.generated(config, image, abs_src_path=str(ROOT / image)))
    return files


def on_page_markdown(markdown: str, page: Page, **_: object) -> str:
    """Fill what the code knows, and turn links into the checkout into links of the site."""
    return str(placeholders.filled(guides.relinked(markdown, page.file.src_uri)))
