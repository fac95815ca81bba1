"""The plan of the imports: what it finds in made-up rooms, and what it must find in ours."""

from itertools import pairwise

import grimp

from flkdocs.drawing import svg
from flkdocs.imports import floors, plan, survey
from flkdocs.layout import lay_out

PACKAGES = frozenset({"flk.sim", "flk.sim.a", "flk.sim.b", "flk.sim.c", "flk.spec"})


def graph(*imports: tuple[str, str]) -> grimp.ImportGraph:
    """An import graph with the modules that these imports name, and the packages around them."""
    found = grimp.ImportGraph()
    for name in (*sorted(PACKAGES), *sorted({end for pair in imports for end in pair} - PACKAGES)):
        found.add_module(name)
    for importer, imported in imports:
        found.add_import(importer=importer, imported=imported)
    return found


def test_a_straight_room_has_floors_and_nothing_runs_back() -> None:
    """C imports b, b imports a: three floors, the door above none of them by itself."""
    found = survey(
        graph(("flk.sim.c.x", "flk.sim.b.x"), ("flk.sim.b.x", "flk.sim.a.x"), ("flk.sim.a.x", "flk.spec")), PACKAGES
    )
    room = found.rooms["sim"]
    assert (room.floor["flk.sim.a"], room.floor["flk.sim.b"], room.floor["flk.sim.c"]) == (0, 1, 2)
    assert (found.cycles, found.back, found.between) == ((), 0, {("sim", "spec"): 1})


def test_folders_that_import_each_other_are_a_cycle() -> None:
    """Two siblings in a ring are named, and one arrow runs back: the one that stands for fewer imports."""
    ring = ("flk.sim.a.x", "flk.sim.b.x"), ("flk.sim.a.y", "flk.sim.b.x"), ("flk.sim.b.y", "flk.sim.a.x")
    found = survey(graph(*ring), PACKAGES)
    assert found.cycles == (frozenset({"flk.sim.a", "flk.sim.b"}),)
    assert found.rooms["sim"].back == {("flk.sim.b", "flk.sim.a")}


def test_modules_of_a_folder_that_import_each_other_are_a_cycle() -> None:
    """A ring inside a folder shows no arrow, and counts all the same."""
    found = survey(graph(("flk.sim.a.x", "flk.sim.a.y"), ("flk.sim.a.y", "flk.sim.a.x")), PACKAGES)
    assert found.cycles == (frozenset({"flk.sim.a.x", "flk.sim.a.y"}),)
    assert not found.rooms["sim"].arrows


def test_our_rooms_have_no_cycle_and_few_arrows_run_back() -> None:
    """No cycle anywhere, and at most four arrows that run back (the goal of the layout)."""
    found = plan()
    assert not found.cycles
    assert found.back <= 4


def test_boxes_of_a_floor_do_not_overlap() -> None:
    """Whatever the plan, each box of a floor ends before the next begins."""
    for room in plan().rooms.values():
        drawing = lay_out(room, lambda name: 20.0 + 7 * len(name))
        rows: dict[float, list[tuple[float, float]]] = {}
        for name, (x, y) in drawing.places.items():
            half = drawing.widths[name] / 2
            rows.setdefault(y, []).append((x - half, x + half))
        for row in rows.values():
            ends = sorted(row)
            assert all(left[1] < right[0] for left, right in pairwise(ends))


def test_arrows_that_others_imply_are_not_drawn() -> None:
    """C imports b and a, b imports a: the arrow from c to a says nothing new."""
    arrows = {("c", "b"): 1, ("b", "a"): 1, ("c", "a"): 1}
    assert set(lay_out(floors({"a", "b", "c"}, arrows), len).paths) == {("c", "b"), ("b", "a")}


def test_the_picture_names_every_box() -> None:
    """Each box of the plan has a title in the drawing."""
    drawn = svg(plan())
    for room in plan().rooms.values():
        assert all(f"<title>{name}</title>" in drawn for name in room.floor)
