"""Cases of transparency logs: `note_signature`, `checkpoint`, `tiles`."""

from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy, composite

from flk.conformance.cases.values import packed
from flk.conformance.drafts.notes import LOG, NAMESAKE, OTHER, WITNESS
from flk.model.transparency.checkpoints import Checkpoint
from flk.model.transparency.notes import signed

names = st.from_regex(r"[a-z]{1,5}\.example(/[a-z0-9]{1,4})?", fullmatch=True)
lines = st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"]), max_size=12)
texts = st.lists(lines, min_size=1, max_size=5).map(lambda each: "".join(f"{line}\n" for line in each))
SIGNERS = (LOG, NAMESAKE, OTHER)


@composite
def notes(draw: DrawFn) -> dict[str, Any]:
    """A checkpoint, signed and cosigned by some, with a chance that a bit of it is another, or that it is cut."""
    origin = draw(st.sampled_from([LOG.name, LOG.name, LOG.name, OTHER.name]))
    text = Checkpoint(origin, draw(st.integers(1, 2**62)), draw(st.binary(min_size=32, max_size=32))).text
    signers = draw(st.lists(st.sampled_from(SIGNERS), max_size=2))
    made = [LOG.sign(text), *(each.sign(text) for each in signers)]
    if draw(st.booleans()):
        made.append(WITNESS.cosign(text, draw(st.integers(0, 2**40))))
    content = bytearray(signed(text, draw(st.permutations(made))))
    match draw(st.integers(0, 4)):
        case 0:
            place = draw(st.integers(0, len(content) - 1))
            content[place] = content[place] ^ 1 if content[place] > 32 else content[place]
        case 1:
            del content[draw(st.integers(0, len(content))) :]
    witnesses = draw(st.sampled_from([(), (WITNESS.witness,), (OTHER.witness, WITNESS.witness)]))
    return {"note": packed(bytes(content)), "log": str(LOG.verifier), "witnesses": list(map(str, witnesses))}


CASES: dict[str, SearchStrategy[dict[str, Any]]] = {
    "note_signature": st.fixed_dictionaries(
        {"name": names, "secret": st.binary(min_size=32, max_size=32).map(packed), "text": texts},
        optional={"seconds": st.integers(0, 2**40)},
    ),
    "checkpoint": notes(),
    "tiles": st.fixed_dictionaries({"leaves": st.integers(0, 1200)}),
}
