"""An outbox in a page of a real browser keeps what it took, through kills, damage and want of room; planted defects are found."""

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from tests.support.conformance.outbox_checks import CHECKS, DEFECTS
from tests.support.conformance.outbox_page import OutboxPage, Thrown, outbox_page, planted, root
from tests.support.impl.client import Client, sample
from tests.support.impl.processes import listens

from flk.conformance.delivery.check import check_delivery
from flk.conformance.reports.report import CaseStatus
from flk.impl.bench.sdks import PAGE
from flk.impl.server.process import key_file, serve_command

pytestmark = pytest.mark.slow

SENDER = Path("dist", "src", "flk-deliver", "page.js")
SENDERS = {
    "acknowledges on any 200": ("portal", "OUT-6", "delivery", '(await isOfRecord()) === "same"', "true"),
    "takes a status for a refusal": (
        "refusals-of-others",
        "OUT-6",
        "delivery",
        "&& has(members, { error",
        "|| has(members, { error",
    ),
    "forgets on reload": ("long-outage-and-restarts", "OUT-2", "database", "live(found.frames)", "live([])"),
    "forgets what is acknowledged": (
        "acknowledged-and-restarted",
        "OUT-2",
        "delivery",
        'await this.write("A", submission.id, "")',
        "this.waiting.delete(submission.id)",
    ),
    "does not wait as it is asked": (
        "says-when",
        "OUT-4",
        "delivery",
        'secondsOf(response.headers.get("Retry-After"), Date.now())',
        "0",
    ),
}
"""Of each defect the scenario that finds it, the requirement that it breaks, the module, what is there and what is planted."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What pages see."""
    return root(tmp_path_factory.mktemp("pages") / "root", tmp_path_factory, "typescript", "webassembly")


@pytest.fixture(scope="module")
def page(folder: Path) -> Iterator[OutboxPage]:
    """A page for tests that kill nothing."""
    with outbox_page(folder, folder.parent / "profile") as page:
        yield page


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_an_outbox_in_a_page(check: Callable[[OutboxPage], None], page: OutboxPage) -> None:
    """Passes each check."""
    page.run("await cleared();")
    check(page)


@pytest.mark.sampled
@pytest.mark.parametrize("name", DEFECTS)
def test_each_defect_is_found(name: str, folder: Path, page: OutboxPage) -> None:
    """By the check named for it."""
    defect = DEFECTS[name]
    page.run("await cleared();")
    defective = page.another(planted(folder, name.replace(" ", "-"), defect.module, defect.right, defect.wrong))
    try:
        with pytest.raises((AssertionError, pytest.fail.Exception, Thrown)):
            defect.found_by(defective)
    finally:
        defective.close()


@pytest.mark.thorough
@pytest.mark.parametrize("name", SENDERS)
def test_the_kit_finds_defects_of_senders_in_pages(name: str, folder: Path, tmp_path: Path) -> None:
    """By the scenario named for it, in browsers that the kit kills and starts anew."""
    scenario, requirement, *defect = SENDERS[name]
    sender = folder / planted(folder, f"sender-{name.replace(' ', '-')}", *defect)
    module = sender.with_name("sdk-typescript") / SENDER
    words = [*PAGE, "--profile", str(tmp_path / "profile"), "--root", str(folder), str(module)]
    (result,) = check_delivery(words, [scenario]).results
    assert result.status is CaseStatus.FAILED
    assert requirement in result.requirements, result.details


DELIVERS = """
for (;;) {
  const { acknowledged } = await box.deliver();
  console.info(`settled ${acknowledged}`);
  await new Promise((over) => setTimeout(over));
}"""


@pytest.mark.sampled(every=2)
@pytest.mark.parametrize("sdk", ["typescript", "webassembly"])
def test_what_a_killed_browser_had_taken_arrives_from_the_next_page(sdk: str, folder: Path, tmp_path: Path) -> None:
    """It is killed while records come and others are delivered. What was durable is stored, once; again it is a duplicate."""
    command = [*serve_command(tmp_path / "data", key_file(tmp_path, "testsecret")), "--allow-origin", "*"]
    with listens(command) as server, closing(Client(server)) as client:
        opens = f"globalThis.box = await opened('{server.url}', '{sdk}');"
        with outbox_page(folder, tmp_path / "profile") as page:
            page.start(f"{opens} queued(box, 0, 10000, '{sdk}'); {DELIVERS}")
            page.listen(lambda heard: told(heard, "settled") >= 10)
            page.kill()
        durable, settled = told(page.heard, "durable"), told(page.heard, "settled")
        assert 10 <= settled <= stored(client)
        with outbox_page(folder, tmp_path / "profile") as page:
            waiting = page.run(f"{opens} return box.pending.length;")
            first = page.run("return {...await box.deliver(), damage: box.damage.length};")
            assert first == {"acknowledged": waiting, "dead": 0, "postponed": 0, "damage": 0}
            taken, repeats = stored(client), sample(client, "flk_dedup_hits_total")
            assert durable <= taken
            again = page.run(f"await queued(box, 0, {taken}, '{sdk}'); return box.deliver();")
            assert again == {"acknowledged": taken, "dead": 0, "postponed": 0}
        assert (stored(client), sample(client, "flk_dedup_hits_total")) == (taken, repeats + taken)


def told(heard: list[str], what: str) -> int:
    """The sum of what a page told, or of how often if it tells which."""
    numbers = [int(said.split()[1]) for said in heard if said.startswith(what)]
    return sum(numbers) if what == "settled" else len(numbers)


def stored(client: Client) -> int:
    """How many records the server has."""
    return int(sample(client, "flk_outcomes_total"))
