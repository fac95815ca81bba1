"""The metrics for whoever asks: rendered once for all who ask at the same time (OBS-1)."""

import asyncio
from http import HTTPStatus
from time import monotonic

import structlog

from flk.impl.http.messages import Answer, Request, Respond
from flk.impl.server.metrics import Metrics
from flk.impl.server.refusing import problem
from flk.spec.constants import CONSTANTS

PROMETHEUS = b"text/plain; version=0.0.4; charset=utf-8"

log = structlog.get_logger()


class Scrapes:
    """Renders the metrics once in `gap` seconds at most, for all who ask meanwhile."""

    def __init__(self, metrics: Metrics, gap: float = CONSTANTS.http.metrics_gap_seconds) -> None:
        self._metrics = metrics
        self._gap = gap
        self._rendered_at = float("-inf")
        self._waiting: list[Respond] = []

    def ask(self, request: Request, respond: Respond) -> None:
        """Rendering takes milliseconds; so those who ask at the same time share one, made after all of them asked."""
        del request
        self._waiting.append(respond)
        if len(self._waiting) == 1:
            wait = max(0.0, self._rendered_at + self._gap - monotonic())
            asyncio.get_running_loop().call_later(wait, self._render)

    def _render(self) -> None:
        waiting, self._waiting = self._waiting, []
        try:
            answer = Answer(HTTPStatus.OK, self._metrics.exposition(), PROMETHEUS)
        except Exception:
            log.exception("metrics.failed")
            answer = problem(HTTPStatus.INTERNAL_SERVER_ERROR, "OBS-4", "the metrics cannot be read")
        self._rendered_at = monotonic()
        for respond in waiting:
            respond(answer)
