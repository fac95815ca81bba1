"""The operation `deliver`, which no vectors ask for: `flk conform delivery` plays a server to whoever offers it."""

from flk.conformance.operations.forms import Form, SecretKey
from flk.model.record.canonical import Profile
from flk.model.record.record import Pcs


class Deliver(Form, frozen=True):
    """A round: sign the records, queue them in the outbox at that path, and deliver what it holds to the service at the URL.

    A pause is `GET CLOCK?seconds=S`, which answers at once. `timeout` is that of one request, in seconds.
    """

    url: str
    clock: str
    outbox: str
    tenant: str
    key: SecretKey
    profile: Profile
    timeout: float
    records: tuple[Pcs, ...]


class Told(Form, frozen=True):
    """What the sender says of a round: how many submissions it settled or postponed, and what its outbox holds after it.

    `letters` are dead letters, `damage` is how many places of the outbox are corrupt, as far as it has noticed.
    """

    acknowledged: int
    dead: int
    postponed: int
    letters: int
    damage: int = 0


NAME = "deliver"
