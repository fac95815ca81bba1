"""A sender in few lines, and senders with one planted defect each: `python tests/support/conformance/senders.py NAME`.

It needs nothing but the standard library, so that each starts at once. Every defect is a mistake that some sender has made.
"""

import hashlib
import hmac
import http.client
import json
import os
import random
import sys
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator
from email.utils import parsedate_to_datetime
from pathlib import Path
from time import sleep, time
from typing import Any
from urllib.parse import urlsplit
from urllib.request import urlopen

Fields = dict[str, Any]
ACKNOWLEDGED, DEAD, NOTHING = "acknowledged", "dead", "postponed"
EXPECTED: dict[str, tuple[str, str]] = {}
"""Of each defect the scenario that finds it and the requirement that it breaks."""


class Sender:
    """The honest one: an outbox of lines, each with its checksum, and rounds of at most five attempts."""

    attempts = 5
    refusals: tuple[int, ...] = (400, 401, 413)

    def __init__(self, given: Fields) -> None:
        self.given = given
        self.path = Path(given["outbox"])
        self.damage = 0
        self.queued: dict[str, str] = {}
        self.ended: dict[str, str] = {}
        for line in self.lines():
            kind, name, body = line
            if kind == "queued":
                self.queued.setdefault(name, body)
            else:
                self.ended[name] = kind

    def lines(self) -> Iterator[list[str]]:
        """What the outbox holds; a line that does not match its checksum is damage, be it one that a crash cut short."""
        content = self.path.read_bytes() if self.path.exists() else b""
        for line in filter(None, content.split(b"\n")):
            checksum, _, rest = line.partition(b" ")
            if hashlib.sha256(rest).hexdigest().encode() == checksum:
                yield json.loads(rest)
            else:
                self.damage += 1

    def write(self, *words: str) -> None:
        """Make a line durable. It begins with a line's end, for that of the line before may be damaged."""
        rest = json.dumps(words).encode()
        with self.path.open("ab") as file:
            file.write(b"\n" + hashlib.sha256(rest).hexdigest().encode() + b" " + rest + b"\n")
            file.flush()
            os.fsync(file.fileno())

    def queue(self, record: Fields) -> None:
        """Sign a record and make it durable."""
        sig = hmac.digest(b64decode(self.given["key"]["secret"]), judged(record), "sha256")
        body = json.dumps({**record, "sig": b64encode(sig).decode()})
        self.queued[record["pcs_id"]] = body
        self.write("queued", record["pcs_id"], body)

    def round(self) -> Fields:
        """Queue what is given, deliver what waits, and tell."""
        for record in self.given["records"]:
            self.queue(record)
        tally = dict.fromkeys((ACKNOWLEDGED, DEAD, NOTHING), 0)
        for name, body in self.waiting():
            how = self.deliver(body)
            tally[how] += 1
            if how != NOTHING:
                self.settle(name, how)
        return {**tally, "letters": self.letters(), "damage": self.damage}

    def waiting(self) -> list[tuple[str, str]]:
        """What is not settled."""
        return [(name, body) for name, body in self.queued.items() if name not in self.ended]

    def settle(self, name: str, how: str) -> None:
        """Make durable how a record ended."""
        self.ended[name] = how
        self.write(how, name, "")

    def letters(self) -> int:
        """The dead letters."""
        return list(self.ended.values()).count(DEAD)

    def deliver(self, body: str) -> str:
        """A record's attempts in a round."""
        for attempt in range(1, self.attempts + 1):
            status, wait, said = self.post(self.body(body, attempt))
            how = self.meaning(json.loads(body), status, said)
            if how != NOTHING:
                return how
            if attempt < self.attempts:
                self.sleep(self.pause(attempt, wait))
        return NOTHING

    def body(self, body: str, attempt: int) -> str:
        """What is sent at an attempt."""
        return body

    def post(self, body: str) -> tuple[int, str, bytes]:
        """Status, Retry-After and body of the answer; zeros for none."""
        parts = urlsplit(self.given["url"])
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=self.given["timeout"])
        try:
            connection.request("POST", parts.path + "/v1/pcs/submit", body, {"X-Tenant-Id": self.given["tenant"]})
            answer = connection.getresponse()
            return answer.status, answer.headers.get("Retry-After", ""), self.read(answer)
        except (OSError, http.client.HTTPException):
            return 0, "", b""
        finally:
            connection.close()

    def read(self, answer: http.client.HTTPResponse) -> bytes:
        """The answer's body. Raises if it is not whole."""
        body = answer.read(1 << 16)
        if answer.length:
            raise http.client.IncompleteRead(body)
        return body

    def meaning(self, record: Fields, status: int, said: bytes) -> str:
        """What an answer means for a record."""
        try:
            stated = json.loads(said)
        except ValueError:
            return NOTHING
        if not isinstance(stated, dict):
            return NOTHING
        own = stated.get("pcs_id") == record["pcs_id"] and "accepted" in stated
        same = stated.get("digest") == hashlib.sha256(judged(record)).hexdigest()
        if status in {200, 202} and own and same:
            return ACKNOWLEDGED
        if (status == 409 and own and not same) or (status in self.refusals and "requirement" in stated):
            return DEAD
        return NOTHING

    def pause(self, attempt: int, wait: str) -> float:
        """Seconds to wait after an attempt."""
        return min(self.asked(wait), 3600.0) + random.random() * min(60.0, 2.0 ** (attempt - 1))

    def asked(self, wait: str) -> float:
        """The seconds that Retry-After asks for."""
        if wait.isdigit():
            return float(wait[:20])
        try:
            return max(0.0, parsedate_to_datetime(wait).timestamp() - time())
        except ValueError:
            return 0.0

    def sleep(self, seconds: float) -> None:
        """Wait on the kit's clock."""
        with urlopen(f"{self.given['clock']}?seconds={seconds!r}") as answer:
            answer.read()


def judged(record: Fields) -> bytes:
    """The bytes that are signed (C14N-9)."""
    names = ("D_hat", "budget", "coh_star", "epoch", "merkle_root", "pcs_id", "r", "shard_id")
    reals = {"D_hat", "budget", "coh_star", "r"}
    texts = [f'"{name}":' + (f"{record[name]:.9f}" if name in reals else json.dumps(record[name])) for name in names]
    rest = {name: record[name] for name in ("N_j", "regime", "scales")}
    return ("{" + ",".join(texts) + "}\n" + json.dumps(rest, separators=(",", ":"))).encode()


SENDERS: dict[str, type[Sender]] = {"Honest": Sender}


def found_by(scenario: str, requirement: str) -> Callable[[type[Sender]], type[Sender]]:
    """Register a defect with the scenario that finds it and the requirement that it breaks."""

    def register(sender: type[Sender]) -> type[Sender]:
        SENDERS[sender.__name__] = sender
        EXPECTED[sender.__name__] = scenario, requirement
        return sender

    return register


@found_by("refused-409", "OUT-5")
class RetriesAnEquivocation(Sender):
    """A 409 may go away."""

    def meaning(self, record: Fields, status: int, said: bytes) -> str:
        return NOTHING if status == 409 else super().meaning(record, status, said)


@found_by("refused-413", "OUT-5")
class KnowsNo413(Sender):
    """A body that is too large is sent again and again."""

    refusals: tuple[int, ...] = (400, 401)


@found_by("says-when", "OUT-4")
class IgnoresRetryAfter(Sender):
    """Jitter alone decides."""

    def asked(self, wait: str) -> float:
        return 0.0


@found_by("says-when-as-a-date", "OUT-4")
class ReadsSecondsOnly(Sender):
    """A date asks for nothing."""

    def asked(self, wait: str) -> float:
        return float(wait[:20]) if wait.isdigit() else 0.0


@found_by("says-when", "OUT-4")
class HonoursOnly429(Sender):
    """Retry-After of a 503 is not looked at."""

    last = 0

    def post(self, body: str) -> tuple[int, str, bytes]:
        status, wait, said = super().post(body)
        return status, wait if status == 429 else "", said


@found_by("asks-for-years", "OUT-4")
class WaitsForYears(Sender):
    """Whatever is asked for is waited."""

    def pause(self, attempt: int, wait: str) -> float:
        return self.asked(wait) + random.random() * 2.0 ** (attempt - 1)


@found_by("says-when", "OUT-4")
class TakesTheLargerOfTwo(Sender):
    """Of what is asked and a whole ceiling without jitter the smaller counts."""

    def pause(self, attempt: int, wait: str) -> float:
        return min(self.asked(wait) or 1e9, 2.0 ** (attempt - 1)) * random.random()


@found_by("asks-for-nonsense", "OUT-2")
class StumblesOverNonsense(Sender):
    """A Retry-After that is no number ends the delivery of the record."""

    def asked(self, wait: str) -> float:
        return float(wait or 0)

    def deliver(self, body: str) -> str:
        try:
            return super().deliver(body)
        except ValueError:
            return DEAD


@found_by("portal", "OUT-6")
class TakesAny200(Sender):
    """The status alone counts."""

    def meaning(self, record: Fields, status: int, said: bytes) -> str:
        return ACKNOWLEDGED if status in {200, 202} else super().meaning(record, status, said)


@found_by("cut-replies", "OUT-6")
class TakesTheBeginningOfAnAnswer(Sender):
    """An answer that was cut counts by its status."""

    def read(self, answer: http.client.HTTPResponse) -> bytes:
        return answer.read(1 << 16)

    def meaning(self, record: Fields, status: int, said: bytes) -> str:
        begun = status in {200, 202} and record["pcs_id"].encode()[:8] in said
        return ACKNOWLEDGED if begun else super().meaning(record, status, said)


@found_by("another-record", "OUT-6")
class TakesAnothersOutcome(Sender):
    """Any outcome acknowledges."""

    def meaning(self, record: Fields, status: int, said: bytes) -> str:
        return ACKNOWLEDGED if status == 200 and b'"accepted"' in said else super().meaning(record, status, said)


@found_by("another-content", "OUT-6")
class LooksAtNoDigest(Sender):
    """The id alone says what an outcome is about."""

    def meaning(self, record: Fields, status: int, said: bytes) -> str:
        own = status == 200 and record["pcs_id"].encode() in said and b'"accepted"' in said
        return ACKNOWLEDGED if own else super().meaning(record, status, said)


@found_by("no-outcome", "OUT-6")
class NeedsNoOutcome(Sender):
    """Id and digest are enough."""

    def meaning(self, record: Fields, status: int, said: bytes) -> str:
        return super().meaning(record, status, said.replace(b'"digest"', b'"accepted":true,"digest"'))


@found_by("refusals-of-others", "OUT-6")
class BelievesAProxy(Sender):
    """401 and 413 end a record, whoever says so."""

    def meaning(self, record: Fields, status: int, said: bytes) -> str:
        return DEAD if status in {401, 413} else super().meaning(record, status, said)


@found_by("conflict-about-nothing", "OUT-6")
class BelievesAnyConflict(Sender):
    """409 ends a record, whatever it states."""

    def meaning(self, record: Fields, status: int, said: bytes) -> str:
        return DEAD if status == 409 else super().meaning(record, status, said)


@found_by("errors-of-others", "OUT-5")
class BuriesWhat404Says(Sender):
    """Every 4xx but 429 is for good."""

    def meaning(self, record: Fields, status: int, said: bytes) -> str:
        return DEAD if 400 <= status < 500 and status != 429 else super().meaning(record, status, said)


@found_by("busy", "OUT-5")
class BuriesAnOutage(Sender):
    """503 ends a record."""

    def meaning(self, record: Fields, status: int, said: bytes) -> str:
        return DEAD if status == 503 else super().meaning(record, status, said)


@found_by("long-outage", "OUT-2")
class GivesUpAfterARound(Sender):
    """What five attempts did not settle is forgotten, without a word."""

    def deliver(self, body: str) -> str:
        how = super().deliver(body)
        if how == NOTHING:
            self.ended[json.loads(body)["pcs_id"]] = NOTHING
            self.write(NOTHING, json.loads(body)["pcs_id"], "")
        return how


@found_by("silence", "OUT-2")
class DropsOnSilence(Sender):
    """A time-out ends a record."""

    def post(self, body: str) -> tuple[int, str, bytes]:
        status, wait, said = super().post(body)
        return (status, wait, said) if status else (-1, "", b"")

    def meaning(self, record: Fields, status: int, said: bytes) -> str:
        return ACKNOWLEDGED if status == -1 else super().meaning(record, status, said)


@found_by("breaks", "OUT-2")
class DropsOnAReset(Sender):
    """A connection that breaks ends the round of a record and its life."""

    def deliver(self, body: str) -> str:
        for attempt in range(1, self.attempts + 1):
            status, wait, said = self.post(body)
            how = ACKNOWLEDGED if not status else self.meaning(json.loads(body), status, said)
            if how != NOTHING:
                return how
            self.sleep(self.pause(attempt, wait))
        return NOTHING


@found_by("long-outage", "OUT-2")
class SixAttempts(Sender):
    """A round has one attempt more."""

    attempts = 6


@found_by("busy", "OUT-2")
class NeverStops(Sender):
    """A round ends when a record is settled, and never before; nor does it then."""

    attempts = 10**9

    def meaning(self, record: Fields, status: int, said: bytes) -> str:
        return NOTHING


@found_by("crowd", "OUT-3")
class NeverPauses(Sender):
    """The next attempt follows at once."""

    def sleep(self, seconds: float) -> None:
        return None


@found_by("crowd", "OUT-3")
class HalfJitter(Sender):
    """A pause is at least half of its ceiling."""

    def pause(self, attempt: int, wait: str) -> float:
        return self.asked(wait) + (0.5 + random.random() / 2) * min(60.0, 2.0 ** (attempt - 1))


@found_by("crowd", "OUT-3")
class NoJitter(Sender):
    """All agents come back at once."""

    def pause(self, attempt: int, wait: str) -> float:
        return min(self.asked(wait), 3600.0) + 0.25 * min(60.0, 2.0 ** (attempt - 1))


@found_by("long-outage", "OUT-3")
class LinearBackoff(Sender):
    """The ceiling starts high: a minute, and then another."""

    def pause(self, attempt: int, wait: str) -> float:
        return self.asked(wait) + (0.6 + 0.4 * random.random()) * 60.0 * attempt


@found_by("busy", "OUT-1")
class CountsItsAttempts(Sender):
    """The record says which attempt it is, in a field that nobody signs."""

    def body(self, body: str, attempt: int) -> str:
        return json.dumps({**json.loads(body), "attempt": attempt})


@found_by("busy", "OUT-1")
class WritesItAnew(Sender):
    """What is sent again is the record, encoded once more."""

    def body(self, body: str, attempt: int) -> str:
        return body if attempt == 1 else json.dumps(json.loads(body), separators=(",", ":"))


@found_by("long-outage-and-restarts", "OUT-1")
class SignsAnewAfterARestart(Sender):
    """The time of sending is filled in when a round begins."""

    def body(self, body: str, attempt: int) -> str:
        return body.replace("12:00:00Z", "12:00:01Z") if not self.given["records"] else body


@found_by("killed-in-mid-post", "OUT-2")
class QueuesAfterAFailure(Sender):
    """A record is written down when its first attempt has failed."""

    def queue(self, record: Fields) -> None:
        write, self.write = self.write, lambda *words: None  # type: ignore[method-assign]
        super().queue(record)
        self.write = write  # type: ignore[method-assign]

    def deliver(self, body: str) -> str:
        how = super().deliver(body)
        if how == NOTHING:
            self.write("queued", json.loads(body)["pcs_id"], body)
        return how


@found_by("acknowledged-and-restarted", "OUT-2")
class ForgetsHowItEnded(Sender):
    """Acknowledgements are in memory."""

    def settle(self, name: str, how: str) -> None:
        self.ended[name] = how
        if how == DEAD:
            super().settle(name, how)


@found_by("refused-400", "OUT-5")
class BuriesAgain(Sender):
    """Each start writes the dead letters once more."""

    def letters(self) -> int:
        rounds = sum(line[0] == "round" for line in self.lines())
        self.write("round", "round", "")
        return super().letters() * (rounds + 1)

    def waiting(self) -> list[tuple[str, str]]:
        return [(name, body) for name, body in super().waiting() if name != "round"]


@found_by("damaged-outbox", "OUT-7")
class SkipsWhatItCannotRead(Sender):
    """A line that does not parse is skipped."""

    def round(self) -> Fields:
        return {**super().round(), "damage": 0}


@found_by("damaged-outbox", "OUT-7")
class BelievesALength(Sender):
    """What is shorter than it says was cut short by a crash, whoever says so."""

    def lines(self) -> Iterator[list[str]]:
        content = self.path.read_bytes() if self.path.exists() else b""
        while content:
            size, checksum, rest = int.from_bytes(content[:4], "little"), content[4:36], content[36:]
            if size > len(rest):
                os.truncate(self.path, self.path.stat().st_size - len(content))
                return
            if hashlib.sha256(rest[:size]).digest() == checksum:
                yield json.loads(rest[:size])
            else:
                self.damage += 1
            content = rest[size:]

    def write(self, *words: str) -> None:
        rest = json.dumps(words).encode()
        with self.path.open("ab") as file:
            file.write(len(rest).to_bytes(4, "little") + hashlib.sha256(rest).digest() + rest)


class SleepsForReal(Sender):
    """An honest one that knows nothing of the kit's clock."""

    def sleep(self, seconds: float) -> None:
        sleep(seconds)


SENDERS["SleepsForReal"] = SleepsForReal


@found_by("escalated", "OUT-2")
class Knows200Only(Sender):
    """202 is no acknowledgement."""

    def meaning(self, record: Fields, status: int, said: bytes) -> str:
        return NOTHING if status == 202 else super().meaning(record, status, said)


@found_by("acknowledged", "SIGN-1")
class PreHashes(Sender):
    """What is signed is a digest."""

    def queue(self, record: Fields) -> None:
        sig = hmac.digest(b64decode(self.given["key"]["secret"]), hashlib.sha256(judged(record)).digest(), "sha256")
        body = json.dumps({**record, "sig": b64encode(sig).decode()})
        self.queued[record["pcs_id"]] = body
        self.write("queued", record["pcs_id"], body)


@found_by("acknowledged", "ORD-9")
class NamesNoTenant(Sender):
    """The header is left out, since the default will do."""

    def __init__(self, given: Fields) -> None:
        super().__init__({**given, "tenant": ""})


def main(name: str) -> None:
    """Converse with the kit."""
    hello = {"protocol": 1, "name": name, "language": "Python", "operations": ["deliver"]}
    for line in sys.stdin:
        message = json.loads(line)
        reply: Fields = {"hello": hello}
        if "bye" in message:
            reply = {"bye": {}}
        elif "run" in message:
            reply = {"seq": message["run"], "value": SENDERS[name](message["input"]).round()}
        print(json.dumps(reply), flush=True)
        if "bye" in message:
            return


if __name__ == "__main__":
    main(sys.argv[1])
