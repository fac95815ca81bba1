"""The Python client: signs records, keeps them in an outbox on disk, and delivers them to a service, each at least once.

>>> import tempfile
>>> with Client("http://127.0.0.1:8080", keys=HmacKey(b"secret"), outbox=tempfile.mkdtemp()) as client:
...     client.flush()
Summary(queued=0, acknowledged=Counter(), dead=0, retries=0)

`Client` is for programs with threads, or none; `AsyncClient` for an event loop. `record` and `records` make records of a data
frame: only these two need NumPy and PyArrow, which `pip install 'flk-lab[frames]'` brings; `'flk-lab[client]'` is enough to sign
and deliver.
"""

from typing import TYPE_CHECKING

from flk.spec.doors import loaded
from flk.spec.errors import needs

if TYPE_CHECKING:
    from flk.impl.client.asynchronous import AsyncClient, Denied, NoAnswer
    from flk.impl.client.blocking import Client
    from flk.impl.client.frames import record, records
    from flk.impl.client.receipts import Receipt, Summary
    from flk.model.flow.outbox import DeadLetter
    from flk.model.flow.submission import Submission
    from flk.model.personal.find import Kind
    from flk.model.personal.records import Mode, PersonalData, Screening
    from flk.model.personal.scan import Scan
    from flk.model.programs.outbox import Delivery
    from flk.model.record.drawing import VrfPrivateKey
    from flk.model.record.signing import Ed25519PrivateKey, HmacKey
    from flk.spec.constants import Outbox as Policy
    from flk.spec.errors import UnusableInput

__all__ = [
    "AsyncClient",
    "Client",
    "DeadLetter",
    "Delivery",
    "Denied",
    "Ed25519PrivateKey",
    "HmacKey",
    "Kind",
    "Mode",
    "NoAnswer",
    "PersonalData",
    "Policy",
    "Receipt",
    "Scan",
    "Screening",
    "Submission",
    "Summary",
    "UnusableInput",
    "VrfPrivateKey",
    "record",
    "records",
]

_HOMES = {
    "flk.impl.client.asynchronous": ("AsyncClient", "Denied", "NoAnswer", "Policy"),
    "flk.impl.client.blocking": ("Client",),
    "flk.impl.client.frames": ("record", "records"),
    "flk.impl.client.receipts": ("Receipt", "Summary"),
    "flk.model.flow.outbox": ("DeadLetter",),
    "flk.model.flow.submission": ("Submission",),
    "flk.model.personal.find": ("Kind",),
    "flk.model.personal.records": ("Mode", "PersonalData", "Screening"),
    "flk.model.personal.scan": ("Scan",),
    "flk.model.programs.outbox": ("Delivery",),
    "flk.model.record.drawing": ("VrfPrivateKey",),
    "flk.model.record.signing": ("Ed25519PrivateKey", "HmacKey"),
    "flk.spec.errors": ("UnusableInput",),
}


def __getattr__(name: str) -> object:
    """An exported name, loaded when it is first used."""
    with needs("client", "the client"):
        return loaded(__name__, name, _HOMES)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
