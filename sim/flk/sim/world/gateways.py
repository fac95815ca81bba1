"""What stands between the agents and a region: proxies and quotas, which may answer instead of the node."""

from collections.abc import Callable
from typing import TypeAlias

from flk.model.flow.submission import Response
from flk.sim.kernel.random_streams import RandomStream
from flk.sim.scenarios.faults import Gateway

Reply: TypeAlias = Callable[[Response | None], None]
Front: TypeAlias = Callable[[Reply], Reply | None]
"""What a request that arrives meets before the node: the reply that the node may use, None if the request does not reach it."""

BODY = b"<html>the gateway has no answer</html>"


class Gateways:
    """The gateways that stand before one region just now. Of several that want to answer a request, the first does."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._faults: list[Gateway] = []

    def begin(self, fault: Gateway) -> None:
        """Let a gateway take hold."""
        self._faults.append(fault)

    def end(self, fault: Gateway) -> None:
        """Let a gateway go."""
        self._faults.remove(fault)

    def front(self, request: str) -> Front:
        """What becomes of a request when it arrives. Its name keys the draw."""

        def meet(reply: Reply) -> Reply | None:
            for fault in self._faults:
                if RandomStream(self._seed, f"gateway/{fault.id}").uniform(request) < fault.share:
                    after = fault.retry_after
                    reply(Response(fault.status, BODY, None if after is None else float(after)))
                    return _unheard if fault.passes_on else None
            return reply

        return meet


def _unheard(response: Response | None) -> None:
    """The node's answer, which nobody hears."""
    del response
