"""Known wrong forms of whole nodes: what they remember, whose it is, and when they answer."""

from collections.abc import Iterator

import msgspec

from flk.conformance.diagnosis.form import WrongForm, instead
from flk.conformance.operations import node
from flk.conformance.operations.forms import Form
from flk.model.flow.answers import ACKNOWLEDGED

replace = msgspec.structs.replace


def forms() -> Iterator[WrongForm]:
    """All of them."""
    yield from _answers()
    yield from _memories()


def _answers() -> Iterator[WrongForm]:
    def shared(given: Form) -> object:
        assert isinstance(given, node.NodeInput)
        first: dict[str, object] = {}
        return [
            first.setdefault(told["body"]["pcs_id"], told) if told["status"] in {200, 202} else told
            for told in msgspec.json.decode(msgspec.json.encode(node.node(given)))
        ]

    yield WrongForm(
        "one-store-for-all", "one store for all tenants", "DUP-4", "tenants share no outcome", {"node": shared}
    )

    def from_the_store(given: Form) -> object:
        assert isinstance(given, node.NodeInput)
        told = node.node(given)
        return [told[0] if one.status == 401 and told[0].status == 200 else one for one in told]

    before = "a signature is checked before anything is looked up"
    yield WrongForm(
        "looks-up-first", "a node that answers forgeries from its store", "ORD-3", before, {"node": from_the_store}
    )

    def folded(given: node.NodeInput) -> Form:
        arrivals = (replace(one, tenant=one.tenant.lower()) for one in given.arrivals)
        keys = {tenant.lower(): several for tenant, several in given.keys.items()}
        return replace(given, keys=keys, arrivals=tuple(arrivals))

    case = "names that differ in case are two tenants"
    yield WrongForm("tenants-without-case", "tenants without case", "SIGN-7", case, instead("node", folded))

    def never_behind(given: node.NodeInput) -> Form:
        first = given.arrivals[0].at if given.arrivals else 0.0
        return replace(given, arrivals=tuple(replace(one, at=max(one.at, first)) for one in given.arrivals))

    yield WrongForm(
        "leading-clock",
        "a node that logs on however far its clock leads",
        "HLC-5",
        "beyond the bound a node refuses to log",
        instead("node", never_behind),
    )


def _memories() -> Iterator[WrongForm]:
    def forgetful(given: Form) -> object:
        assert isinstance(given, node.NodeInput)
        alone = (replace(given, arrivals=(one,)) for one in given.arrivals)
        return [told for history in alone for told in node.node(history)]

    first = "the first outcome under an id is everybody's answer"
    yield WrongForm("forgetful", "a node that stores nothing", "DUP-2", first, {"node": forgetful})

    def by_body(given: Form) -> object:
        assert isinstance(given, node.NodeInput)
        taken: dict[tuple[str, str], node.Answered] = {}
        replies = []
        for arrival, told in zip(given.arrivals, node.node(given), strict=True):
            sent = arrival.tenant, arrival.body
            if told.status in ACKNOWLEDGED:
                taken.setdefault(sent, told)
            replies.append(taken.get(sent, told))
        return replies

    again = "the signature of a repetition is looked at like any other"
    yield WrongForm("known-bodies", "a node that knows bodies it took", "SIGN-4", again, {"node": by_body})

    for seconds, what in ((60, "minute"), (3600, "hour"), (86400, "day")):

        def forgetting(given: Form, seconds: int = seconds) -> object:
            assert isinstance(given, node.NodeInput)
            replies = []
            for place, arrival in enumerate(given.arrivals):
                recent = (one for one in given.arrivals[:place] if arrival.at - one.at < seconds)
                replies.append(node.node(replace(given, arrivals=(*recent, arrival)))[-1])
            return replies

        kept = "an entry is kept for the whole window"
        yield WrongForm("expired-entries", f"a node that forgets after a {what}", "DUP-7", kept, {"node": forgetting})
