"""Scenarios in Python: the keys of the TOML file as the arguments of methods, and the same errors.

    day = (
        scenario("a-cut", "Two regions that cannot talk for a minute.", duration="5m")
        .regions("eu", "us", agents=2)
        .link("eu", "us", delay="42ms", jitter="3ms")
        .workload(records="synthetic:200", rate=2, duplicates=0.1)
        .policy(ship_interval="10s")
        .fault("partition", "cut", start="1m", duration="1m", sides=[["eu"], ["us"]])
        .sometimes("supersession")
        .eventually("converged", within="90s", after="cut")
        .slo(rpo="2m")
        .build()
    )

Every method gives a new draft and leaves the old one as it was, so variants can branch off anywhere. `as_python` writes any
scenario this way.
"""

from collections.abc import Mapping, Sequence
from typing import SupportsIndex, TypeAlias

from flk.sim.scenarios import document
from flk.sim.scenarios.scenario import Scenario
from flk.sim.scenarios.validation import validation_errors

Value: TypeAlias = object
Raw: TypeAlias = dict[str, object]
_TABLES = ("workload", "policy", "slo", "layout")
_LISTS = {"faults": ("fault", ("kind", "id")), "script": ("act", ("do",))}
_HYPOTHESES = {"sometimes": "mark", "never": "mark", "eventually": "mark", "always": "measure"}


class Draft:
    """A scenario that is being put together. `raw` is what its file would say."""

    def __init__(self, raw: Mapping[str, object]) -> None:
        self.raw: Raw = dict(raw)

    def regions(self, *names: str, agents: SupportsIndex | None = None) -> "Draft":
        """Name the regions, and give each so many agents."""
        draft = self._with("regions", list(names))
        return draft if agents is None else draft.workload(agents=dict.fromkeys(names, agents))

    def everywhere(self, **path: Value) -> "Draft":
        """What a message meets between two places that have no link of their own."""
        return self._merged("network", {"default": path})

    def link(self, one: str, other: str, **path: Value) -> "Draft":
        """What a message meets between two places."""
        return self._merged("network", {"links": [*self._network_links(), {"between": [one, other], **path}]})

    def workload(self, **fields: Value) -> "Draft":
        """What comes, when and to whom."""
        return self._merged("workload", fields)

    def policy(self, **fields: Value) -> "Draft":
        """How nodes and agents are set up."""
        return self._merged("policy", fields)

    def slo(self, **fields: Value) -> "Draft":
        """What is asked of the run."""
        return self._merged("slo", fields)

    def layout(self, **fields: Value) -> "Draft":
        """What the stores consist of."""
        return self._merged("layout", fields)

    def fault(self, kind: str, id: str, **fields: Value) -> "Draft":  # noqa: A002 - the name it has in the file
        """A fault of a kind, under an id."""
        return self._appended("faults", {"kind": kind, "id": id, **fields})

    def without(self, *ids: str) -> "Draft":
        """The same without these faults, and without what is expected of them; nothing else moves."""
        kept = [fault for fault in self._list("faults") if fault["id"] not in ids]
        expected = [row for row in self._list("hypotheses") if not {row.get("after"), row.get("during")} & set(ids)]
        return Draft({**self.raw, "faults": kept, "hypotheses": expected})

    def act(self, do: str, **fields: Value) -> "Draft":
        """Something that is done at a given moment, in place of random arrivals."""
        return self._appended("script", {"do": do, **fields})

    def sometimes(self, mark: str, **fields: Value) -> "Draft":
        """A coverage mark that must occur, or the run is undecided."""
        return self._appended("hypotheses", {"expect": "sometimes", "mark": mark, **fields})

    def never(self, mark: str, **fields: Value) -> "Draft":
        """A coverage mark that must not occur."""
        return self._appended("hypotheses", {"expect": "never", "mark": mark, **fields})

    def eventually(self, mark: str, **fields: Value) -> "Draft":
        """A mark that must hold in time."""
        return self._appended("hypotheses", {"expect": "eventually", "mark": mark, **fields})

    def always(self, measure: str, **fields: Value) -> "Draft":
        """Bounds of a measure."""
        return self._appended("hypotheses", {"expect": "always", "measure": measure, **fields})

    def build(self) -> Scenario:
        """The scenario. Raises UnusableInput, which names the field and the fix."""
        name = f"scenario {self.raw.get('name')!r}"
        found = document.convert(self.raw, Scenario, name)
        for error in validation_errors(found):
            raise document.located(error, "", name)
        return found

    def _network_links(self) -> list[object]:
        network = self.raw.get("network")
        links = network.get("links", []) if isinstance(network, dict) else []
        return list(links)

    def _list(self, name: str) -> list[Raw]:
        found = self.raw.get(name, [])
        return list(found) if isinstance(found, list) else []

    def _with(self, name: str, value: object) -> "Draft":
        return Draft({**self.raw, name: value})

    def _merged(self, name: str, fields: Mapping[str, object]) -> "Draft":
        table = self.raw.get(name, {})
        return self._with(name, {**(table if isinstance(table, dict) else {}), **fields})

    def _appended(self, name: str, item: Raw) -> "Draft":
        return self._with(name, [*self._list(name), item])


def scenario(of: str | Scenario, description: str = "", **fields: Value) -> Draft:
    """Begin a scenario of that name, or a variant of one that exists; `fields` are those of the file's top level.

    The methods of the draft take the keys of the scenario file: `regions`, `everywhere` and `link` say what the network is like,
    `workload` what comes, `policy` how nodes are set up, `layout` what the stores consist of, `fault` what goes wrong, `sometimes`,
    `never`, `eventually` and `always` what is expected, `slo` what is asked. Durations are seconds or texts such as `"90s"`.
    `build()` gives the scenario, and raises UnusableInput, which names the field and the fix, for what cannot be run.

    >>> cut = (
    ...     scenario("a-cut", "Two regions that cannot talk for a minute.", duration="5m")
    ...     .regions("eu", "us", agents=2)
    ...     .link("eu", "us", delay="42ms", jitter="3ms")
    ...     .workload(records="synthetic:200", rate=2)
    ...     .fault("partition", "cut", start="1m", duration="1m", sides=[["eu"], ["us", "objects"]])
    ...     .eventually("healed", within="90s", after="cut")
    ...     .build()
    ... )
    >>> cut.duration, cut.faults[0].effect
    (300.0, 'no messages between eu and us, objects')
    >>> scenario(cut, seed=2).policy(ship_interval="5s").build().seed
    2
    """
    if isinstance(of, str):
        return Draft({"name": of, "description": description, **fields})
    raw: Raw = document.plain(of)
    return Draft({**raw, **({"description": description} if description else {}), **fields})


def as_python(of: Scenario) -> str:
    """The expression that builds the scenario, with everything that is not as by default."""
    raw = document.plain(of)
    top = {key: value for key, value in raw.items() if key not in {"name", "description", "regions", "network"}}
    plain = {key: value for key, value in top.items() if key not in {*_TABLES, *_LISTS, "hypotheses"}}
    lines = [f"scenario({_arguments([raw['name'], raw['description']], plain)})"]
    lines.append(f"    .regions({_arguments(of.regions, {})})")
    network = document.table(raw.get("network", {}))
    if "default" in network:
        lines.append(f"    .everywhere({_arguments([], document.table(network['default']))})")
    for link, path in zip(of.network.links, document.tables(network.get("links", [])), strict=True):
        lines.append(f"    .link({_arguments(link.between, _without(path, 'between'))})")
    lines += [f"    .{name}({_arguments([], document.table(top[name]))})" for name in _TABLES if name in top]
    for name, (method, first) in _LISTS.items():
        for item in document.tables(top.get(name, [])):
            lines.append(f"    .{method}({_arguments([item[key] for key in first], _without(item, *first))})")
    for item in document.tables(top.get("hypotheses", [])):
        expect = str(item["expect"])
        subject = _HYPOTHESES[expect]
        lines.append(f"    .{expect}({_arguments([item[subject]], _without(item, 'expect', subject))})")
    return "(\n    " + "\n    ".join(lines) + "\n        .build()\n)"


def _without(item: Mapping[str, object], *keys: str) -> dict[str, object]:
    return {key: value for key, value in item.items() if key not in keys}


def _arguments(positional: Sequence[object], named: Mapping[str, object]) -> str:
    return ", ".join([*map(repr, positional), *(f"{key}={value!r}" for key, value in named.items())])
