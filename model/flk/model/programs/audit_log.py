"""A region's audit log, as whoever adds a step to it has read it (TLOG-7, ERA-4)."""

from collections.abc import Mapping, Sequence

from flk.model.effects import GetObject, Program, PutObject, TakeIn
from flk.model.transparency.checkpoints import BadLog
from flk.model.transparency.edge import Edge, edge_tiles, grown, hashes_of
from flk.model.transparency.erased import hash_of
from flk.model.transparency.leaves import Leaf, named
from flk.model.transparency.steps import State, read_step, step_bytes, step_name
from flk.model.transparency.tiles import Tile, unpacked


class AuditLog:
    """The log, as far as the node has read its steps."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self.state = State()
        self._edge = Edge()

    def open(self, state: State) -> Program[None]:
        """Go on from a step whose tiles are durable, such as the last that was taken in, and take in those that others created
        since.
        """
        self.state = state
        self._edge = yield from self._read_edge(self.state.size)
        if self._edge.root.hex() != self.state.root:
            raise BadLog(
                f"TLOG-7: the tiles in {self._prefix} are not those of the {self.state.size} leaves of its steps"
            )
        yield from self._catch_up()

    def add(
        self, through: Mapping[str, str], said: Mapping[str, tuple[int, str]], leaves: Sequence[Leaf]
    ) -> Program[bool]:
        """Create the next step, unless another node did; whether this one did. What is the next step then is taken in."""
        contents = [leaf.content for leaf in leaves]
        edge, full = grown(self._edge, contents)
        number = self.state.number + 1
        state = State(number, edge.size, edge.root.hex(), through, said)
        created = yield from PutObject(step_name(self._prefix, number), step_bytes(state, contents))
        if created:
            yield from self._take_in(state, leaves, edge, full)
        yield from self._catch_up()
        return created

    def _catch_up(self) -> Program[None]:
        while True:
            name = step_name(self._prefix, self.state.number + 1)
            content = yield from GetObject(name)
            if content is None:
                return
            state, contents = read_step(name, content)
            edge, full = grown(self._edge, contents)
            if (state.number, state.size, state.root) != (self.state.number + 1, edge.size, edge.root.hex()):
                raise BadLog(f"TLOG-7: {name} does not follow from the step before it")
            yield from self._take_in(state, list(map(named, contents)), edge, full)

    def _take_in(
        self, state: State, leaves: Sequence[Leaf], edge: Edge, full: Sequence[tuple[Tile, bytes]]
    ) -> Program[None]:
        """Write the tiles that a step comes to, and then know of it."""
        for tile, hashes in (*full, *edge.tiles()):
            yield from self._write(tile, hashes)
        yield from TakeIn(state, self.state.size, tuple(leaf.names for leaf in leaves))
        self.state, self._edge = state, edge

    def _write(self, tile: Tile, content: bytes) -> Program[None]:
        """Put a tile, or find it there. What is there and is another is left as it is: it is the proof. Leaves may have been erased
        meanwhile, here or there (ERA-4).
        """
        name = self._prefix + tile.name
        if (yield from PutObject(name, content)):
            return
        there = yield from GetObject(name)
        if there != content and not (tile.level < 0 and there is not None and _is_same_but_erased(there, content)):
            raise BadLog(f"TLOG-7: {name} is not what the steps of the log come to")

    def _read_edge(self, size: int) -> Program[Edge]:
        levels: dict[int, tuple[bytes, ...]] = {}
        leaves: tuple[bytes, ...] = ()
        for tile in edge_tiles(size):
            content = yield from GetObject(self._prefix + tile.name)
            if content is None:
                raise BadLog(f"TLOG-7: {self._prefix}{tile.name} is gone")
            if tile.level < 0:
                leaves = tuple(unpacked(content) or ())
            else:
                levels[tile.level] = hashes_of(content)
        return Edge(size, tuple(levels.get(level, ()) for level in range(max(levels, default=-1) + 1)), leaves)


def _is_same_but_erased(there: bytes, content: bytes) -> bool:
    """Whether two tiles of leaves have the same hashes."""
    some, other = unpacked(there), unpacked(content)
    return some is not None and other is not None and list(map(hash_of, some)) == list(map(hash_of, other))
