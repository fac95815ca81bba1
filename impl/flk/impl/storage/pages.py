"""The sums of a store's pages: kept beneath SQLite by `pages.c`, and compared again while the store serves (DUP-8).

`STORE-pages` has a sum for each page of the file. It is trusted if nobody else has written since: its head names the log of
SQLite's that is in use, or when the file was last changed if none is. If it is not trusted, or there is none, the
store is verified as a whole and the sums are made anew. Where nothing can be compiled there are none.
"""

import _sqlite3
import ctypes
import os
import sqlite3
import struct
from contextlib import closing
from functools import cache
from importlib.resources import files
from pathlib import Path

from flk.impl.storage.rows import Damaged
from flk.spec.errors import UnusableInput
from flk.spec.toolchain import compiler, shared_library

LAYER = "flk-pages"  # as SQLite knows it
PAGE_BYTES = 4096
FLAGS = ("-O3", "-std=gnu11", "-fno-strict-aliasing", "-fPIC", "-shared", "-Wall", "-Wextra", "-Werror")
_HEAD = struct.Struct(
    "=Q8s8x8sq24x"
)  # magic, salts of a log of SQLite's and of the next, when the store was changed before that
_MAGIC = 0x3153454741504B4C
_SALTS = slice(16, 24)  # in the head of SQLite's log
_LOG_HEAD_BYTES = 32
_FRAME_HEAD = struct.Struct(">II8s8x")  # of the log: page, pages after it if a transaction ends there, salts, checksums
_NONE = bytes(8)
_SUM_BYTES = 8
_AT_ONCE = 4096  # pages that are summed up together


def why_not() -> str:
    """Why pages have no sums here, empty if they have."""
    try:
        _library()
    except UnusableInput as error:
        return str(error)
    return ""


def sums_of(path: Path) -> Path:
    """The file with the sums of a store's pages."""
    return path.with_name(f"{path.name}-pages")


def are_known(path: Path) -> bool:
    """Whether the pages of a store have sums, and nobody else has written them since."""
    head = _beginning(sums_of(path), _HEAD.size)
    changed = path.stat().st_mtime_ns
    if len(head) < _HEAD.size or not path.stat().st_size:
        return False
    magic, copied, following, then = _HEAD.unpack(head)
    in_use = _beginning(path.with_name(f"{path.name}-wal"), _SALTS.stop)[_SALTS] or _NONE
    return bool(magic == _MAGIC and in_use in {copied, following} and (in_use != _NONE or then == changed))


def sum_up(path: Path) -> None:
    """Make the sums of a store that is sound, and that nobody has open."""
    new = path.with_name(f"{path.name}-pages.new")
    with (
        path.open("rb") as store,
        os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file,
    ):
        file.write(_HEAD.pack(_MAGIC, _NONE, _NONE, path.stat().st_mtime_ns))
        pages = path.stat().st_size // PAGE_BYTES
        for first in range(1, pages + 1, _AT_ONCE):
            file.write(_sums(store.fileno(), first, min(_AT_ONCE, pages + 1 - first)))
        file.flush()
        os.fsync(file.fileno())
    new.replace(sums_of(path))


class Look:
    """Looks at all pages again and again, some at a time. It has a file of its own, open as long as SQLite's: to close one drops
    the locks of all.
    """

    def __init__(self, path: Path) -> None:
        self._store = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        self._sums = os.open(sums_of(path), os.O_RDONLY | os.O_CLOEXEC)
        self._next = 1

    def at(self, pages: int) -> tuple[int, bool]:
        """Look at the next so many pages, or as many as there are to the last: how many, and whether that was the last. Nothing may
        write meanwhile. Raises Damaged at a page that is not what was written.
        """
        first, last = self._next, os.fstat(self._store).st_size // PAGE_BYTES
        count = max(0, min(pages, last + 1 - first))
        found = _sums(self._store, first, count)
        if found != os.pread(self._sums, _SUM_BYTES * count, _HEAD.size + _SUM_BYTES * (first - 1)):
            raise Damaged(f"pages {first} to {first + count - 1} of the store are not what was written")
        self._next = first + count if first + count <= last else 1
        return count, self._next == 1

    def close(self) -> None:
        """Release the files."""
        os.close(self._store)
        os.close(self._sums)


class Comparison:
    """Compares all pages with their sums in a process beside the node, which may write both. It has a file of its own: open it
    before SQLite opens the store, and close it after, since to close one drops the locks of all.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._store = os.open(path, os.O_RDONLY | os.O_CLOEXEC)

    def differing(self) -> list[int]:
        """The pages that are not what was written; those that SQLite's log has anew are read from there, and do not count. Call it
        in a transaction that reads: until that ends, only such pages are written, and the log is not begun anew.
        """
        found: list[int] = []
        last = os.fstat(self._store).st_size // PAGE_BYTES
        with sums_of(self._path).open("rb") as file:
            for first in range(1, last + 1, _AT_ONCE):
                count = min(_AT_ONCE, last + 1 - first)
                there = _sums(self._store, first, count)
                noted = os.pread(file.fileno(), _SUM_BYTES * count, _HEAD.size + _SUM_BYTES * (first - 1))
                if there != noted:
                    places = ((page, slice(_SUM_BYTES * page, _SUM_BYTES * (page + 1))) for page in range(count))
                    found += [first + page for page, place in places if there[place] != noted[place]]
        anew = _pages_in_log(self._path) if found else set()
        return [page for page in found if page not in anew]

    def close(self) -> None:
        """Release the file."""
        os.close(self._store)


def _pages_in_log(path: Path) -> set[int]:
    """The pages that transactions have written to SQLite's log since that was begun."""
    pages: set[int] = set()
    open_: set[int] = set()  # of a transaction that may not have ended
    try:
        file = path.with_name(f"{path.name}-wal").open("rb")
    except FileNotFoundError:
        return pages
    with file:
        salts = file.read(_LOG_HEAD_BYTES)[_SALTS]
        while len(head := file.read(_FRAME_HEAD.size)) == _FRAME_HEAD.size:
            page, size, of = _FRAME_HEAD.unpack(head)
            if of != salts:  # left from the log before
                break
            open_.add(page)
            if size:  # after the last frame of a transaction, in pages
                pages, open_ = pages | open_, set()
            file.seek(PAGE_BYTES, os.SEEK_CUR)
    return pages


def _beginning(path: Path, size: int) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(size)
    except FileNotFoundError:
        return b""


def _sums(store: int, first: int, count: int) -> bytes:
    sums = (ctypes.c_uint64 * count)()
    read = _library().flk_pages_sums(store, first, count, sums)
    return bytes(sums)[: _SUM_BYTES * read]


@cache
def _library() -> ctypes.CDLL:
    """The layer, which SQLite knows. Raises UnusableInput where that cannot be."""
    if (found := compiler()) is None:
        raise UnusableInput("no C compiler is found; install gcc or clang, or set CC")
    text = files("flk.impl.storage").joinpath("pages.c").read_text("utf-8")
    library = ctypes.CDLL(str(shared_library(text, found, FLAGS)))
    library.flk_pages_sums.argtypes = (ctypes.c_int, ctypes.c_int64, ctypes.c_int64, ctypes.c_void_p)
    library.flk_pages_sums.restype = ctypes.c_int64
    sqlite = ctypes.CDLL(getattr(_sqlite3, "__file__", None))  # which finds what that is linked with
    try:
        functions = sqlite.sqlite3_vfs_find, sqlite.sqlite3_vfs_register, sqlite.sqlite3_database_file_object
    except AttributeError as error:
        raise UnusableInput(f"this Python's SQLite has no layers: {error}") from None
    if library.flk_pages_register(_NAME, *functions):
        raise UnusableInput("this Python's SQLite takes no layer")
    try:
        with closing(sqlite3.connect(f"file:?mode=memory&vfs={LAYER}", uri=True)):
            return library
    except sqlite3.Error as error:
        raise UnusableInput(f"this Python's SQLite is not the one that was found: {error}") from None


_NAME = ctypes.create_string_buffer(LAYER.encode())  # SQLite keeps its address
