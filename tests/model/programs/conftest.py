"""What tests of comparing regions run with."""

import pytest
from tests.support.model.divergence import small


@pytest.fixture
def few_ranges(monkeypatch: pytest.MonkeyPatch) -> None:
    """256 ranges instead of 4,096."""
    monkeypatch.setattr("flk.model.entries.compared.LIMITS", small())
    for module in ("entries.compared", "programs.publish"):
        monkeypatch.setattr(f"flk.model.{module}.RANGES", 256)
