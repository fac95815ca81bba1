"""What an outbox in a page must do, as checks that a right one passes and that planted defects fail, each the one named for it."""

from collections.abc import Callable
from typing import NamedTuple

import pytest
from tests.support.conformance.outbox_page import OutboxPage, Thrown

OPENS = "globalThis.box = await opened();"
NOTHING_IS_DAMAGED: list[object] = []
LOST = {"file": "flk outbox box, after row 0", "offset": 0, "length": 0}


def it_lives_through_a_reload(page: OutboxPage) -> None:
    """What was queued waits in the same bytes, sources that were not ended are told, and no id is given twice."""
    page.run(
        f"{OPENS} await queued(box, 0, 3); await box.begin('a.csv'); await box.begin('b.csv'); await box.end('b.csv');"
    )
    looks = "return [box.pending.map(({ id, body }) => [id, flk.hex(body)]), box.unfinished, box.damage];"
    before = page.run(looks)
    page.run("await box.close()")
    after = page.run(OPENS + looks)
    assert before == after
    ids = page.run(
        "await queued(box, 3, 5); const ids = box.pending.map(({ id }) => id); await box.close(); return ids;"
    )
    assert isinstance(ids, list)
    assert len({*ids}) == 5


def one_page_has_it(page: OutboxPage) -> None:
    """Another page may open it when the first has closed it, or is gone."""
    page.run(OPENS)
    other = page.another()
    try:
        with pytest.raises(Thrown, match="another page has the flk outbox box open"):
            other.run(OPENS)
        page.run("await box.close();")
        other.run(OPENS)
        with pytest.raises(Thrown, match="another page has the flk outbox box open"):
            page.run(OPENS)
    finally:
        other.close()
    page.run(OPENS + "await box.close();")


def what_it_takes_is_on_the_disk(page: OutboxPage) -> None:
    """Each transaction that changes something asks that the disk has it before it is over."""
    asked = page.run(
        f"""
        const asked = [], begin = IDBDatabase.prototype.transaction;
        IDBDatabase.prototype.transaction = function (...given) {{
          const transaction = begin.apply(this, given);
          if (transaction.mode !== "readonly") asked.push(transaction.durability);
          return transaction;
        }};
        try {{
          {OPENS} await queued(box, 0, 1); await box.begin("a"); await box.forgetDamage(); await box.close();
        }} finally {{
          IDBDatabase.prototype.transaction = begin;
        }}
        return asked;"""
    )
    assert asked == ["strict"] * 4


def what_the_browser_undoes_was_not_taken(page: OutboxPage) -> None:
    """If a transaction is aborted after its request succeeded, the call rejects, nothing is queued, and the next one is well."""
    page.run(OPENS + "await queued(box, 0, 1);")
    with pytest.raises(Thrown, match=r"AbortError|the browser ended the transaction"):
        page.run(
            """
            const add = IDBObjectStore.prototype.add;
            IDBObjectStore.prototype.add = function (...given) {
              const request = add.apply(this, given);
              request.addEventListener("success", () => request.transaction.abort());
              return request;
            };
            try {
              await queued(box, 1, 2);
            } finally {
              IDBObjectStore.prototype.add = add;
            }"""
        )
    page.run("await queued(box, 2, 3); await box.close();")
    assert page.run(f"{OPENS} await box.close(); return [box.pending.length, box.damage];") == [2, NOTHING_IS_DAMAGED]


DAMAGES = {
    "a bit of the length": ("row", "row[2] ^= 64, row", 2),
    "a bit of the kind": ("row", "row[4] ^= 1, row", 2),
    "a bit of the record": ("row", "row[200] ^= 1, row", 2),
    "a bit of the last byte": ("row", "row[row.length - 1] ^= 128, row", 2),
    "a row that is cut": ("row", "row.slice(0, -1)", 2),
    "a row of two frames": ("row", "Uint8Array.from([...row, ...row])", 2),
    "a row of something else": ("row", "'text'", 2),
    "a row that is gone": ("row", "undefined", 2),
    "a bit of the first row": ("first", "row[8] ^= 1, row", 3),
    "a first row that is gone": ("first", "undefined", 3),
    "a last row that is gone": ("last", "undefined", 2),
}
"""Of each damage: which row, what becomes of it, and how many of three records are left."""


def damage_is_told(page: OutboxPage, *names: str) -> None:
    """Whatever became of a row, the others wait, and one damage is told at each opening until somebody says that he knows."""
    for name in names or DAMAGES:
        which, made, left = DAMAGES[name]
        page.run(f"await cleared(); {OPENS} await queued(box, 0, 3); await witnessed(); await box.close();")
        page.run(f"const [first, , row, last] = await rows(); await change({which}, (row) => ({made}));")
        looks = f"{OPENS} await box.close(); return [box.pending.length, box.damage.length];"
        assert [page.run(looks), page.run(looks)] == [[left, 1]] * 2, name
        assert page.run(f"{OPENS} await box.forgetDamage(); await box.close(); return box.damage;") == [], name
        assert page.run(looks) == [left, 0], name


def the_last_row_is_missed(page: OutboxPage) -> None:
    """If it is gone, which no other row shows."""
    damage_is_told(page, "a last row that is gone")


def a_database_that_is_gone_is_told(page: OutboxPage) -> None:
    """As browsers do who find its files corrupt."""
    page.run(OPENS + "await queued(box, 0, 3); await witnessed(); await box.close();")
    page.run("await new Promise((done) => { indexedDB.deleteDatabase('flk outbox box').onsuccess = done; });")
    looks = f"{OPENS} await box.close(); return [box.pending.length, box.damage];"
    for _ in range(2):
        assert page.run(looks) == [0, [LOST]]
    page.run(f"{OPENS} await box.forgetDamage(); await box.close();")
    assert page.run(looks) == [0, NOTHING_IS_DAMAGED]


def what_has_no_room_is_not_taken(page: OutboxPage) -> None:
    """A quota that is used up is an error of the call; what was durable before is there, and with room the next one is taken."""
    fills = """
      for (let n = 0; n < 20; n += 1) {
        await box.begin(String(n).padEnd(30_000));
        console.info(`durable ${n}`);
      }"""
    other = page.elsewhere()  # browsers count what is new at once, and look again later
    try:
        other.command("Storage.overrideQuotaForOrigin", origin=other.origin, quotaSize=100_000)
        other.run(OPENS)
        with pytest.raises(Thrown, match="QuotaExceededError"):
            other.run(fills)
        other.command("Storage.overrideQuotaForOrigin", origin=other.origin)
        durable = len(other.heard)
        assert other.run("return box.unfinished.length;") == durable > 0
        other.run("await queued(box, 0, 1); await box.close();")
        looks = f"{OPENS} await box.close(); return [box.unfinished.length, box.pending.length, box.damage];"
        assert other.run(looks) == [durable, 1, NOTHING_IS_DAMAGED]
    finally:
        other.close()


def a_closed_one_takes_nothing(page: OutboxPage) -> None:
    """Closed by the page, or by the browser, whose user removes what pages stored: that is told, too."""
    page.run(OPENS + "await queued(box, 0, 1); await box.close();")
    with pytest.raises(Thrown, match="InvalidStateError"):
        page.run("await queued(box, 1, 2);")
    page.run(OPENS)
    page.command("Storage.clearDataForOrigin", origin=page.origin, storageTypes="indexeddb")
    with pytest.raises(Thrown, match=r"InvalidStateError|AbortError"):
        page.run("await queued(box, 1, 2);")
    looks = "await box.close(); return [box.pending.length, box.damage];"
    assert page.run(looks) == [1, NOTHING_IS_DAMAGED], "the page itself still knows its record"
    assert page.run(OPENS + looks) == [0, [LOST]]


CHECKS: tuple[Callable[[OutboxPage], None], ...] = (
    it_lives_through_a_reload,
    one_page_has_it,
    what_it_takes_is_on_the_disk,
    what_the_browser_undoes_was_not_taken,
    damage_is_told,
    a_database_that_is_gone_is_told,
    what_has_no_room_is_not_taken,
    a_closed_one_takes_nothing,
)


class Defect(NamedTuple):
    """A text of a module, what stands in its place, and the check that fails."""

    module: str
    right: str
    wrong: str
    found_by: Callable[[OutboxPage], None]


DEFECTS = {
    "forgets on reload": Defect(
        "database", "frames = live(found.frames);", "frames = live([]);", it_lives_through_a_reload
    ),
    "gives ids again": Defect(
        "delivery", "Math.max(this.next, kind ===", "Math.min(this.next, kind ===", it_lives_through_a_reload
    ),
    "opens it twice": Defect(
        "database",
        "navigator.locks.request(name,",
        "navigator.locks.request(Math.random().toString(),",
        one_page_has_it,
    ),
    "keeps it when it is closed": Defect("database", "this.unlock();", "", one_page_has_it),
    "does not wait for the disk": Defect("database", '"strict"', '"relaxed"', what_it_takes_is_on_the_disk),
    "acknowledges what was asked, not what was done": Defect(
        "database",
        "change((name) => transaction.objectStore(name));",
        "change((name) => transaction.objectStore(name)); setTimeout(done);",
        what_the_browser_undoes_was_not_taken,
    ),
    "passes over rows that it cannot read": Defect("database", "lacks(`row ${key}`, row)", "0", damage_is_told),
    "counts no rows": Defect("database", "if (!isNext)", "if (false)", damage_is_told),
    "tells of damage once": Defect("database", "store(DAMAGED).add(kept)", "damage.push(kept.told)", damage_is_told),
    "has no witness": Defect("database", "if (last < witnessed)", "if (false)", a_database_that_is_gone_is_told),
    "has a witness of the first row alone": Defect(
        "database", "void this.witness(added?.result);", "", the_last_row_is_missed
    ),
    "queues what has no room": Defect(
        "delivery",
        "await this.journal.append(frame);",
        "await this.journal.append(frame).catch(() => 0);",
        what_has_no_room_is_not_taken,
    ),
}
