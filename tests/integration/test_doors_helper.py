"""The helper that judges doors finds what is missing, and runs every example."""

from types import ModuleType

from tests.support.doors import failing_examples, undocumented


def door(**exported: object) -> ModuleType:
    """A module that exports these."""
    module = ModuleType("door")
    vars(module).update(exported, __all__=list(exported))
    return module


def right(number: int) -> int:
    """The number that comes after one: a whole number of the same unit, without any bounds; it raises no errors.

    >>> right(1)
    2
    """
    return number + 1


def wrong(number: int) -> int:
    """The number that comes after one: a whole number of the same unit, without any bounds; it raises no errors.

    >>> wrong(1)
    3
    """
    return number + 1


def brief(number: int) -> int:
    """Too little."""
    return number


def without_example(number: int) -> int:
    """The number that comes after one: a whole number of the same unit, without any bounds; it raises no errors."""
    return number + 1


class Inheriting(int):
    pass


def test_a_documented_name_passes_and_each_kind_of_omission_is_named() -> None:
    """No docstring, a short one, one without example, one of a base class."""
    told = undocumented(
        door(right=right, brief=brief, without_example=without_example, inheriting=Inheriting, f=lambda: 0)
    )
    assert [line.split(": ")[0] for line in told] == ["door.brief", "door.without_example", "door.inheriting", "door.f"]


def test_an_example_that_says_something_else_fails() -> None:
    """`wrong` promises 3; `right` keeps its promise."""
    failed = failing_examples(door(right=right, wrong=wrong))
    assert len(failed) == 1
    assert failed[0].startswith("door.wrong:")


def test_an_example_sees_exported_names_only() -> None:
    """Under another name the function's example cannot find it."""
    assert failing_examples(door(other=right)) != []
