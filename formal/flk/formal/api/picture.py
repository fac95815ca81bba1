"""A drawing that notebooks show, and that is written to a file."""

from dataclasses import dataclass
from pathlib import Path

from flk.spec.errors import writing


@dataclass(frozen=True, repr=False)
class Picture:
    """A drawing as SVG. Notebooks show it; `save` writes it; `text`, where there is one, is the same for a terminal."""

    svg: str
    text: str = ""

    def save(self, path: str | Path) -> Path:
        """Write the SVG. Raises UnusableInput if the file cannot be written."""
        file = Path(path)
        with writing(file, "the picture"):
            file.write_text(self.svg, "utf-8")
        return file

    def _repr_svg_(self) -> str:
        return self.svg

    def __repr__(self) -> str:
        return self.text or f"<picture, {len(self.svg):,} bytes of SVG>"
