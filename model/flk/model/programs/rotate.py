"""Log rotation (WAL-2): a segment that has reached its limit is sealed."""

from flk.model.effects import INBOX, Program, Seal
from flk.model.programs.recover import mark_applied


def rotate() -> Program[None]:
    """Seal the open segment; its frames have been applied or refused, so recovery need not read it again."""
    yield from Seal(INBOX)
    yield from mark_applied()
