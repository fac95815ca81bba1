"""What `flk serve` is measured against does the work that it is said to do."""

from itertools import islice

import pytest

from flk.impl.bench.fastapi_baseline import Record, canonical
from flk.impl.bench.records import distinct, submission
from flk.impl.bench.turns import SECRET
from flk.model.record.canonical import Profile, canonical_bytes
from flk.model.record.record import Pcs
from flk.model.record.signing import HmacKey


@pytest.mark.parametrize("record", [*islice(distinct(), 3)], ids=lambda record: str(record.epoch))
def test_the_baseline_checks_the_signature_that_agents_make(record: Pcs) -> None:
    """It authenticates the same bytes of the benchmark's load as the server beside it."""
    received = Record.model_validate_json(submission(record, HmacKey(SECRET.encode())).body)
    assert canonical(received) == canonical_bytes(record, Profile.JUDGED)
