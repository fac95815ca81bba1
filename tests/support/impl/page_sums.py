"""Tests of sums of pages, which need a C compiler: those that are skipped say how to get one."""

import pytest

from flk.impl.storage.pages import why_not

NEEDS_SUMS = pytest.mark.skipif(bool(why_not()), reason=why_not() or "pages have sums here")
