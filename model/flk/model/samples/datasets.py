"""Real data that come with a dependency: matplotlib ships them as samples, so no download is needed.

`jacksboro-fault`  A survey of the Jacksboro fault in the Appalachians: 344 x 403 elevations, three arc-seconds apart. A point is a
                   cell: metres east, metres north, metres above the sea. A record summarises a square window of cells.
`goog-prices`      A stream in time: open, high, low and close of one share on 1047 trading days from August 2004, in dollars.
                   A record summarises a quarter of a year.

By the rule of SIG-4 every record of both is mixed: no window gathers 70 % of its points in a twentieth of any projection's
range, and none fills space so fast that its slope reaches 2.6.
"""

from collections.abc import Callable, Iterator
from functools import cache
from itertools import product
from math import cos, radians
from pathlib import Path

import numpy as np

from flk.model.flow.submission import Submission
from flk.model.record.canonical import Profile
from flk.model.record.points import Points
from flk.model.record.record import Pcs, encode
from flk.model.record.signing import Signer
from flk.model.record.summary import signed
from flk.model.samples.cache import remembered
from flk.model.samples.windows import SEED, Window, records, windows
from flk.spec.constants import CONSTANTS
from flk.spec.errors import UnusableInput, needs

SENT_AT = "2026-01-01T00:00:00Z"  # of records that must be the same on every run
METRES_PER_DEGREE = 111_195.0  # of latitude, on a sphere of the Earth's mean radius, 6371 km
TILE_CELLS, TILE_STRIDE = 24, 8  # a window of 1.8 km by 2.2 km; a cell lies in up to nine of them
FILES = {"jacksboro-fault": "jacksboro_fault_dem.npz", "goog-prices": "goog.npz"}
"""The sample of matplotlib that each data set is made of."""
DIGESTS = {
    "jacksboro-fault": "3579d12d50b983cecf7d2c642ce83517413669583c7a83dc6a4ffc6e3c811419",
    "goog-prices": "ae5994b3cd45257afafef443aeed8b2be9acb68dc9057520324dc231dec095da",
}
"""What the records of each data set are, by the digest of their encoding (`cache.digest_of`)."""
PRICES = ("open", "high", "low", "close")
QUARTER_DAYS, WEEK_DAYS = 63, 5  # trading days


def terrain() -> Points:
    """The Jacksboro fault: `[row, column]` is a cell's point, metres east and north of the south-west corner and above the sea.

    Rows run from north to south. The file gives degrees, which become metres on a sphere, to the decimetre.
    """
    with np.load(_sample(FILES["jacksboro-fault"])) as survey:
        elevation = survey["elevation"].astype(np.float64)
        dx, dy, south, north = (
            float(survey[name]) for name in ("dx", "dy", "ymax", "ymin")
        )  # the file's ymin is in the north
    rows, columns = elevation.shape
    east = (np.arange(columns) + 0.5) * dx * METRES_PER_DEGREE * cos(radians((south + north) / 2))
    up = (np.arange(rows)[::-1] + 0.5) * dy * METRES_PER_DEGREE
    return np.stack(np.broadcast_arrays(east.round(1), up.round(1)[:, np.newaxis], elevation), axis=-1)


def tiles(field: Points, name: str) -> Iterator[Window]:
    """Overlapping square windows of a field of points, row by row. The shard is the tile's place, the epoch its number."""
    rows, columns, dimensions = field.shape
    corners = product(range(0, rows - TILE_CELLS + 1, TILE_STRIDE), range(0, columns - TILE_CELLS + 1, TILE_STRIDE))
    for number, (row, column) in enumerate(corners):
        tile = field[row : row + TILE_CELLS, column : column + TILE_CELLS]
        yield Window(f"{name}-r{row:03d}-c{column:03d}", number, tile.reshape(-1, dimensions))


def prices() -> Iterator[Window]:
    """A quarter of a year of daily prices, every week."""
    with np.load(_sample(FILES["goog-prices"])) as file:
        (days,) = (file[name] for name in file.files)
    points = np.stack([days[price].astype(np.float64) for price in PRICES], axis=1)
    return windows([points], "goog-prices", QUARTER_DAYS, WEEK_DAYS)


DATASETS: dict[str, Callable[[], Iterator[Window]]] = {
    "jacksboro-fault": lambda: tiles(terrain(), "jacksboro"),
    "goog-prices": prices,
}


def cut(name: str) -> Iterator[Window]:
    """The windows of a data set. Raises UnusableInput if there is none of that name."""
    if name not in DATASETS:
        raise UnusableInput(f"there is no data set {name!r}; there are: {', '.join(DATASETS)}")
    return DATASETS[name]()


@cache
def unsigned(name: str) -> tuple[Pcs, ...]:
    """The data set's records, the same on every run. Raises UnusableInput if there is none of that name."""
    windows_of = cut(name)
    data = _sample(FILES[name]).read_bytes()
    return remembered(name, data, DIGESTS[name], lambda: tuple(records(windows_of, seed=SEED, sent_at=SENT_AT)))


def submissions(name: str, key: Signer, tenant: str = CONSTANTS.node.default_tenant) -> tuple[Submission, ...]:
    """The data set's records, signed and ready to send: compact JSON, byte for byte the same for the same key."""
    return tuple(Submission(tenant, encode(signed(record, key, Profile.FIXED))) for record in unsigned(name))


def _sample(name: str) -> Path:
    with needs("sim", "a data set that comes with matplotlib"):
        import matplotlib as mpl
    return Path(mpl.get_data_path()) / "sample_data" / name
