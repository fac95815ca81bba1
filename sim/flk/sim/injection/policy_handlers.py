"""How changes of policies take hold: operators ask nodes until it is so; and a region may lack the key."""

from collections.abc import Callable, Mapping
from functools import partial

from flk.model.effects import Program
from flk.model.policies.ruling import Ruling
from flk.sim.injection.injector import Handler, Handlers
from flk.sim.kernel.runtime import Activity
from flk.sim.nodes.parts import RunningNode
from flk.sim.nodes.policies import brought_in, taken_back
from flk.sim.nodes.region import Place, Region
from flk.sim.scenarios.faults import PolicyChange, PolicyKeyLate
from flk.sim.world.events import Marked, PolicyAnswered


class Operator:
    """Has the nodes in some places do what a change says, and take it back when it is over: each asked again and again until its
    log states that, and once more when it has another log. He waits for an answer while the node lives that he asked.
    """

    def __init__(self, change: PolicyChange, places: tuple[Place, ...]) -> None:
        self._change = change
        self._places = places
        self._ended = False
        self._sought: set[str] = set()  # logs that may state it, whether anybody was answered or not
        self._brought_in: set[str] = set()
        self._taken_back: set[str] = set()
        self._asked = 0
        self._waits_for: dict[str, RunningNode] = {}

    def begin(self) -> None:
        """From now on it is to hold."""
        self._ask()

    def end(self) -> None:
        """From now on it is not, where it does."""
        self._ended = not self._change.for_good

    def _ask(self) -> None:
        world = self._places[0].world
        assert world.layout.policies is not None, "the scenario was validated"
        for place in self._places:
            log = place.disk.identity
            name = f"{place.name}/{log}"
            if self._ended:
                self._have(place, name, taken_back, self._taken_back, due=name in self._sought)
            else:
                self._have(place, name, brought_in, self._brought_in, due=True)
        if not self._ended or self._taken_back != self._sought:
            world.simulator.after(float(world.layout.policies.ask_interval), self._ask)

    def _have(
        self,
        place: Place,
        log: str,
        program: Callable[..., Program[Ruling]],
        done: set[str],
        *,
        due: bool,
    ) -> None:
        node = place.node
        if not due or log in done or node is None or not node.ready or self._waits_for.get(place.name) is node:
            return
        self._asked += 1
        self._sought.add(log)
        self._waits_for[place.name] = node
        ended = partial(self._answered, place, log, done)
        node.start(
            Activity(f"policy {self._change.id}.{self._asked}", program(self._change, place.world.programs), ended)
        )

    def _answered(self, place: Place, log: str, done: set[str], result: object) -> None:
        self._waits_for.pop(place.name, None)
        if isinstance(result, Ruling):
            done.add(log)
            holds = done is self._brought_in
            place.world.observer.on(PolicyAnswered(place.name, self._change.id, holds))
            place.world.observer.on(Marked("policy-changed"))


def policy_handlers(regions: Mapping[str, Region]) -> Handlers:
    """How faults of policies are applied."""
    operators: dict[str, Operator] = {}

    def change(fault: PolicyChange) -> None:
        operators[fault.id] = Operator(fault, regions[fault.region].struck(fault))
        operators[fault.id].begin()

    def lack(fault: PolicyKeyLate, by: int) -> None:
        regions[fault.region].keyless += by

    return {
        PolicyChange: Handler(change, lambda fault: operators[fault.id].end()),
        PolicyKeyLate: Handler(lambda fault: lack(fault, 1), lambda fault: lack(fault, -1)),
    }
