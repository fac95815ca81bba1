"""The edge of a tree as it grows (TLOG-3): the tiles that it fills, and those that stay open, are those of the whole tree."""

import pytest
from tests.support.model.transparency import checkpoint_over, leaves_of, objects_over

from flk.model.transparency.edge import Edge, edge_tiles, grown

SIZES = (0, 1, 255, 256, 257, 600)


@pytest.mark.parametrize("before", SIZES)
@pytest.mark.parametrize("more", [0, 1, 256, 700])
def test_a_tree_that_grows_fills_the_tiles_of_the_whole(before: int, more: int) -> None:
    """Each once, under its name and with its content; the leaves that come first do not matter to what comes later."""
    leaves = leaves_of(before + more)
    earlier, first = grown(Edge(), leaves[:before])
    edge, then = grown(earlier, leaves[before:])
    whole = objects_over(leaves)
    whole.pop("checkpoint")
    found = [(tile.name, content) for tile, content in (*first, *then, *edge.tiles())]
    assert len(found) == len(whole)
    assert dict(found) == whole
    assert edge.root == checkpoint_over(leaves).root
    assert {tile.name for tile in edge_tiles(edge.size)} == {tile.name for tile, _ in edge.tiles()}
