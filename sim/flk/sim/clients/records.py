"""What an agent is given to deliver: a record for the agent's tenant, signed with the key of the moment, or something worse.

Which arrivals are forged or equivocate depends on the fault and on the arrival's name alone, so a fault that is taken away changes
nothing about any other arrival.
"""

from bisect import bisect_right
from collections.abc import Sequence
from functools import cached_property
from typing import NamedTuple

from flk.model.flow.submission import Submission
from flk.model.record.canonical import Profile
from flk.model.record.record import Pcs, decode, encode
from flk.model.record.signing import HmacKey, Keyring, LiveKey, Signer
from flk.model.record.summary import signed
from flk.model.refusal import Refused
from flk.sim.clients.alterations import deviating, malformed, other_content
from flk.sim.clients.arrivals import Arrival
from flk.sim.kernel.random_streams import RandomStream
from flk.sim.nodes.region import ORIGIN
from flk.sim.scenarios.faults import Deviation, Equivocation, FaultBase, Forgery, KeyRotation, Malformation
from flk.sim.scenarios.scenario import Scenario
from flk.sim.scenarios.script import forged
from flk.sim.scenarios.workload import agent_tenants
from flk.sim.world.events import Intent
from flk.spec.constants import CONSTANTS
from flk.spec.errors import UnusableInput

_ALONE = (CONSTANTS.node.default_tenant,)


class HandOut(NamedTuple):
    """What an agent is given: the submission, and what it is meant to do."""

    submission: Submission
    intent: Intent


class Records:
    """The records of a run, and the keys that its nodes accept.

    With tenants or with a key rotation every tenant has keys of its own, derived from `signer`, and whatever `keyring` accepts is
    signed anew; what it does not accept is handed out as it is, and no key of the run has signed it. Otherwise `keyring` is the
    run's, and submissions are handed out as they are. `forgeries` are the forged bodies handed out so far. Raises UnusableInput
    if the scenario signs and there is no signer.
    """

    def __init__(
        self, scenario: Scenario, submissions: Sequence[Submission], keyring: Keyring, signer: Signer | None, seed: int
    ) -> None:
        self._submissions = submissions
        self._given = keyring
        self._signer = signer
        self._tenants = agent_tenants(scenario.workload)
        self._names = tuple(scenario.workload.tenants)
        faults = scenario.faults
        rotations = [fault for fault in faults if isinstance(fault, KeyRotation)]
        self._rotations = sorted(rotations, key=lambda fault: (fault.start, fault.id))
        self._hostile = [
            (f, RandomStream(seed, f"{f.kind}/{f.id}"))
            for kind in (Forgery, Malformation, Equivocation, Deviation)
            for f in faults
            if isinstance(f, kind)
        ]
        self._equivocates = any(isinstance(f, Equivocation) for f in faults)
        self._signs = self._equivocates or any(isinstance(f, Deviation) for f in faults)
        self._rekeyed = self._names != _ALONE or bool(rotations)
        self._authentic: dict[int, Pcs | None] = {}
        self.forgeries: set[bytes] = set()
        self._keys: dict[tuple[str, str], HmacKey] = {}
        self._honest: dict[str, tuple[list[float], list[int]]] = {}
        if signer is None and (self._rekeyed or self._signs):
            raise UnusableInput(
                f"scenario {scenario.name!r}: its tenants, key rotations, equivocations or deviations need records signed"
                " during the run, and there is no key to sign with; pass `signer`"
            )

    @cached_property
    def keyring(self) -> Keyring:
        """The keys that the nodes accept. They know every new key from the start, and an old one until its rotation is over."""
        if not self._rekeyed:
            return self._given
        ends = [*(ORIGIN + rotation.end for rotation in self._rotations), float("inf")]
        labels = ["", *(rotation.id for rotation in self._rotations)]
        return Keyring(
            {
                tenant: [LiveKey(self._key(tenant, label), 0.0, end) for label, end in zip(labels, ends, strict=True)]
                for tenant in self._names
            }
        )

    def hand_out(self, arrival: Arrival) -> HandOut:
        """What the arrival's agent is given. Arrivals come in order of time."""
        for fault, random_stream in self._hostile:
            if fault.start <= arrival.at < fault.end:
                found = self._meddled(fault, random_stream, arrival)
                if found is not None:
                    return found
        return HandOut(self._honestly(self._tenant(arrival), arrival), Intent.HONEST)

    def _meddled(self, fault: FaultBase, random_stream: RandomStream, arrival: Arrival) -> HandOut | None:
        """What a fault makes of an arrival, None if it leaves it as it is."""
        tenant = self._tenant(arrival)
        match fault:
            case Forgery(share=share) if random_stream.uniform(arrival.name) < share:
                return self.forge(arrival)
            case Equivocation(share=share):
                chosen, which, how = random_stream.triple(arrival.name)
                if chosen < share and (victim := self._earlier(tenant, which * arrival.at)) is not None:
                    return HandOut(self._sign(tenant, other_content(victim, how), arrival), Intent.EQUIVOCATING)
            case Malformation(share=share) | Deviation(share=share):
                chosen, how, _ = random_stream.triple(arrival.name)
                record = self._record(arrival) if chosen < share else None
                if record is not None and isinstance(fault, Malformation):
                    return HandOut(Submission(tenant, malformed(record, how)), Intent.MALFORMED)
                if record is not None:
                    return HandOut(self._sign(tenant, deviating(record, how), arrival), Intent.DEVIATING)
        return None

    def forge(self, arrival: Arrival) -> HandOut:
        """The arrival's record under a signature that no key has made; what is no record anyway stays what it is."""
        tenant = self._tenant(arrival)
        if self._record(arrival) is None:
            return HandOut(Submission(tenant, self._submission(arrival).body), Intent.HONEST)
        submission = Submission(tenant, forged(self._submission(arrival)).body)
        self.forgeries.add(submission.body)
        return HandOut(submission, Intent.FORGED)

    def _honestly(self, tenant: str, arrival: Arrival) -> Submission:
        record = self._record(arrival) if self._rekeyed or self._equivocates else None
        if record is not None:
            moments, numbers = self._honest.setdefault(tenant, ([], []))
            moments.append(arrival.at)
            numbers.append(self._number(arrival))
        if not self._rekeyed:
            return self._submission(arrival)
        if record is None:
            return Submission(tenant, self._submission(arrival).body)
        return self._sign(tenant, record, arrival)

    def _earlier(self, tenant: str, moment: float) -> Pcs | None:
        """The latest record that was honestly handed out to a tenant's agents by a moment, or else the first of all."""
        moments, numbers = self._honest.get(tenant, ([], []))
        place = bisect_right(moments, moment)
        return self._authentic[numbers[max(0, place - 1)]] if numbers else None

    def _sign(self, tenant: str, record: Pcs, arrival: Arrival) -> Submission:
        if not self._rekeyed:
            assert self._signer is not None
            return Submission(tenant, encode(signed(record, self._signer, Profile.FIXED)))
        label = ""
        for rotation in self._rotations:
            label = rotation.id if rotation.start <= arrival.at else label
        return Submission(tenant, encode(signed(record, self._key(tenant, label), Profile.FIXED)))

    def _key(self, tenant: str, label: str) -> HmacKey:
        """A tenant's key from the rotation of that id on; the first if there is none."""
        if (tenant, label) not in self._keys:
            assert self._signer is not None
            self._keys[tenant, label] = HmacKey(self._signer.sign(f"{tenant}/{label}".encode()))
        return self._keys[tenant, label]

    def _record(self, arrival: Arrival) -> Pcs | None:
        """The arrival's record, None if it is none that the given keys accept."""
        number = self._number(arrival)
        if number not in self._authentic:
            self._authentic[number] = self._read(self._submissions[number])
        return self._authentic[number]

    def _read(self, submission: Submission) -> Pcs | None:
        try:
            record = decode(submission.body)
            self._given.authenticate(submission.tenant, record, record.sig, ORIGIN)
        except Refused:
            return None
        return record

    def _tenant(self, arrival: Arrival) -> str:
        """For whom an arrival is submitted."""
        return self._tenants[arrival.agent] if self._rekeyed else self._submission(arrival).tenant

    def _number(self, arrival: Arrival) -> int:
        return arrival.submission % len(self._submissions)

    def _submission(self, arrival: Arrival) -> Submission:
        return self._submissions[self._number(arrival)]
