"""Python that users give: a file or a module that is run for what it defines. Whatever it raises is a mistake in it."""

import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

from flk.spec.errors import UnusableInput


def run_file(path: Path, name: str) -> ModuleType:
    """The module that a Python file makes, under this name. Raises UnusableInput with the file, the line and the fix."""
    spec = spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise UnusableInput(f"{path}: is not Python; give a file that ends in .py")
    if name in sys.stdlib_module_names:
        raise UnusableInput(f"{path}: Python has a module called {name} itself; give the file another name")
    module = module_from_spec(spec)
    before = sys.modules.get(name)
    sys.modules[name] = module  # classes look there for the names in their annotations
    try:
        with _told(str(path), path):
            spec.loader.exec_module(module)
    except UnusableInput:
        sys.modules.pop(name)
        if before is not None:
            sys.modules[name] = before
        raise
    return module


def run_module(name: str) -> ModuleType:
    """The module of a name. Raises UnusableInput with the module, or its line in the current directory, and the fix."""
    with _told(name, Path.cwd()):
        return import_module(name)


@contextmanager
def _told(name: str, own: Path) -> Iterator[None]:
    """Make one sentence of whatever the code raises, with the last line that is in `own`. An exit, too: it is no verdict."""
    try:
        yield
    except UnusableInput:
        raise
    except OSError as error:
        raise UnusableInput(f"{name}: cannot be read: {error.strerror}; give a Python file") from None
    except SyntaxError as error:
        where = f"{error.filename}:{error.lineno}" if error.lineno else name
        raise UnusableInput(f"{where}: {error.msg}; fix the Python there") from None
    except SystemExit as error:
        where = _line_in(own, error) or name
        raise UnusableInput(f"{where}: it ends the process; leave in the file only what it defines") from None
    except Exception as error:  # noqa: BLE001 (whatever the author's own code raises)
        line = _line_in(own, error)
        if line is None:
            raise UnusableInput(f"{name}: cannot be imported: {error}") from None
        raise UnusableInput(f"{line}: {type(error).__name__}: {error}; fix the line, or what it calls") from None


def _line_in(own: Path, error: BaseException) -> str | None:
    """The last line of a file, or of the files in a directory, that was on the way to the error."""
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        file = Path(frame.filename)
        if _is_of(file, own):
            return f"{own if own.is_file() else file.relative_to(own)}:{frame.lineno or 1}"
    return None


def _is_of(file: Path, own: Path) -> bool:
    """What is installed below a directory is not its own, and parts of Python have no file."""
    if own.is_file():
        return file.resolve() == own.resolve()
    return file.is_file() and file.is_relative_to(own) and "site-packages" not in file.parts and file != Path(__file__)
