"""What this service promises, as the lab tries it."""

import pytest

from flk.sim import RunResult

PROGRAMS = "my_service.programs:PROGRAMS"


@pytest.mark.flk_scenario("link-loss.toml", seeds=3, programs=PROGRAMS)
def test_lost_messages_are_made_up_for(result: RunResult) -> None:
    """Every invariant holds, the regions converge, and every record is acknowledged."""
    assert result.row.acknowledged == result.row.offered


@pytest.mark.flk_hunt(seeds=100, programs=PROGRAMS)
def test_no_schedule_of_faults_breaks_it() -> None:
    """A hundred small worlds, each with faults of its own."""


@pytest.mark.flk_protocol("lease.py", sizes={"Worker": 4})
def test_the_lease_is_exclusive() -> None:
    """In every reachable state."""


@pytest.mark.flk_protocol("lease.py", prove=True)
def test_the_lease_is_exclusive_for_any_number_of_workers() -> None:
    """By induction."""


@pytest.mark.flk_hunt(seeds=50, programs="ignored-store-error", expect="violated")
def test_the_hunt_would_find_an_ignored_error_of_the_store() -> None:
    """A hunt that finds nothing shows something only if it finds what is there."""
