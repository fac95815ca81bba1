"""Protocols and the gallery of refuted designs."""

from flk.formal.language import Protocol
from flk.formal.library.catalogue import PROTOCOLS
from flk.formal.library.gallery import DESIGNS, Design
from flkdocs.markdown import anchored, code, joined, literal, table
from flkdocs.tables import link


def protocols() -> str:
    """Each protocol with its sorts, actions and properties."""
    return joined(_protocol(each) for each in PROTOCOLS.values())


def _protocol(protocol: Protocol) -> str:
    sizes = ", ".join(f"{name} = {size}" for name, size in protocol.sizes().items())
    models = f" Models {', '.join(map(link, protocol.requirements))}." if protocol.requirements else ""
    actions = [(f"`{each.name}`", each.story) for each in protocol.actions.values()]
    properties = [
        (
            f"{anchored(f'{protocol.name}-{each.name}')}`{each.name}`",
            each.kind.replace("_", " "),
            each.story,
            ", ".join(map(link, each.requirements)),
        )
        for each in protocol.properties.values()
    ]
    return joined(
        [
            f"## {protocol.name}",
            literal(protocol.story),
            f"Default sizes: {sizes}.{models}",
            table(["action", "what happens"], actions),
            table(["property", "kind", "claim", "stands for"], properties),
        ]
    )


def gallery() -> str:
    """Each refuted design with its story, the property it breaks and the requirement that rules it out."""
    parts: list[str] = []
    base = ""
    for name, design in DESIGNS.items():
        varied = design.protocol.base
        if varied is not None and varied.name != base:
            base = varied.name
            parts.append(f"## Variants of {base}")
        parts.append(_design(name, design, base))
    return joined(parts)


def _design(name: str, design: Design, base: str) -> str:
    broken = f"[`{design.violates}`](protocols.md#{base}-{design.violates.lower()})"
    ruled_out = ", ".join(map(link, design.rules_out))
    earlier = " The earlier system did so." if design.earlier else ""
    return joined(
        [
            f"### {name}",
            literal(design.protocol.story),
            f"Breaks {broken}; ruled out by {ruled_out}.{earlier}",
            code(f"flk explore gallery/{name}", "sh"),
        ]
    )
