"""Paths lead to endpoints: each path to one, and what it says to its parameters."""

from hypothesis import given
from hypothesis import strategies as st

from flk.impl.http.messages import Request, Respond, path_of, query_of
from flk.impl.http.router import Methods, Router, query

NAMES = st.text(st.characters(blacklist_categories=["Cs"]), min_size=1, max_size=8)


def named(name: str) -> Methods:
    """Methods that are told apart by their name."""

    def endpoint(request: Request, respond: Respond) -> None:
        del request, respond

    return {name.encode(): endpoint}


ROUTER = Router({path: named(path) for path in ("/a", "/a/{x}", "/a/find", "/a/{x}/b", "/c/{x}/{y}")})


def found(path: str) -> tuple[str, dict[str, str]] | None:
    """The path that answers for a path, and its parameters."""
    request = Request(path=path.encode())
    methods = ROUTER.methods(request)
    return None if methods is None else (next(iter(methods)).decode(), request.parameters)


def test_a_path_without_parameters_comes_first() -> None:
    """And a parameter is one part, never empty, never several."""
    assert found("/a") == ("/a", {})
    assert found("/a/find") == ("/a/find", {})
    assert found("/a/finds") == ("/a/{x}", {"x": "finds"})
    assert found("/a/q/b") == ("/a/{x}/b", {"x": "q"})
    for none in ("/a/", "/", "", "/a/q/b/", "/a//b", "/a/q/c", "/A", "/c/x", "/c/x/y/z", "x/a"):
        assert found(none) is None


@given(NAMES, NAMES)
def test_what_was_percent_encoded_is_read(x: str, y: str) -> None:
    """A slash within a part included."""
    encoded = ["".join(f"%{byte:02X}" for byte in text.encode()) for text in (x, y)]
    assert found("/c/" + "/".join(encoded)) == ("/c/{x}/{y}", {"x": x, "y": y})


def test_a_query_is_what_follows_the_first_question_mark() -> None:
    """Also in a target with a host; of a repeated name the last counts."""
    target = b"http://host/a?x=1&x=2&y=%C3%A4&z"
    assert (path_of(target), query_of(target)) == (b"/a", b"x=1&x=2&y=%C3%A4&z")
    assert query(Request(query=query_of(target))) == {"x": "2", "y": "ä", "z": ""}
    assert query(Request(query=b"%ff=&&=")) != {}
