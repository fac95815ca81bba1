"""What a person named and cannot be written is told with the fix."""

import errno
import os

import pytest

from flk.spec.errors import UnusableInput, writing


@pytest.mark.parametrize(
    ("number", "mend"),
    [(errno.EACCES, "let this user write there"), (errno.ENOENT, "name a file in a directory that exists")],
)
def test_who_may_not_write_is_not_sent_to_another_directory(number: int, mend: str) -> None:
    """The directory is there; the permission is not."""
    with (
        pytest.raises(UnusableInput, match=f"page.html: the report cannot be written: .*; {mend}"),
        writing("page.html", "the report"),
    ):
        raise OSError(number, os.strerror(number))
