"""Access files: who is let in is who shows the token of an entry that counts now, for what it is for."""

import tempfile
from base64 import b64encode
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.impl.command import flk

from flk.impl.access import Access, Denied, Role, add_token, read_access
from flk.spec.errors import UnusableInput

TOKENS = st.from_regex(r"[A-Za-z0-9._~+/-]{1,80}=?", fullmatch=True)
JUNE, NEW_YEAR = 1_780_272_000.0, 1_798_761_600.0


def entry(token: str, role: str = "operator", more: str = "") -> str:
    """An entry of a file."""
    digest = sha256(token.encode()).hexdigest()
    return f'[[token]]\nid = "{digest[:8]}"\nsha256 = "{digest}"\nrole = "{role}"\n{more}\n'


def written(text: str) -> Path:
    """An access file of that text."""
    path = Path(tempfile.mkdtemp()) / "access.toml"
    path.write_text(text)
    return path


def refused(access: Access, given: str | None, *roles: Role, by_password: bool = False) -> Denied:
    """How a request with this header is refused."""
    headers = {} if given is None else {b"authorization": given.encode("latin-1")}
    with pytest.raises(Denied) as denied:
        access.require(headers, *roles or tuple(Role), by_password=by_password)
    return denied.value


@settings(max_examples=50, deadline=None)
@given(st.lists(TOKENS, min_size=1, max_size=4, unique=True), st.text(max_size=90))
def test_exactly_the_tokens_of_the_file_are_let_in(tokens: list[str], other: str) -> None:
    """Whatever they are, and nothing else: no text, no beginning of one, no digest that stands in the file (API-1)."""
    access = Access(written("".join(map(entry, tokens))))
    for token in tokens:
        found = access.require({b"authorization": f"bearer {token}".encode()}, Role.OPERATOR)
        assert found.sha256 == sha256(token.encode()).hexdigest()
        assert access.of(found.sha256.encode()) is None
        for near in (token[:-1], token + "x", ""):
            assert near in tokens or access.of(near.encode()) is None
    assert other in tokens or access.of(other.encode()) is None


@pytest.mark.parametrize(
    "given", ["", "Bearer", "Bearer ", "Basic Og==", "Bearer a b", "Bearer a, Bearer a", "a", "Bearer\ta"]
)
def test_what_is_no_token_is_no_token(given: str) -> None:
    """401 with the challenge of RFC 6750; without a header it names no error (API-1)."""
    access = Access(written(entry("a")))
    denied = refused(access, given)
    assert (int(denied.status), 'error="invalid_token"' in denied.challenge) == (401, True)
    assert "error" not in refused(access, None).challenge


def test_a_token_is_for_its_role_while_it_counts() -> None:
    """403 for what it is not for; 401 before and after its time (API-1)."""
    now = JUNE
    more = 'tenant = "t"\nnot_before = 2026-06-01T00:00:00Z\nnot_after = 2027-01-01T00:00:00Z'
    access = Access(written(entry("a", "tenant", more)), lambda: now)
    assert access.require({b"authorization": b"Bearer a"}, Role.TENANT).tenant == "t"
    denied = refused(access, "Bearer a", Role.OPERATOR, Role.METRICS)
    assert (int(denied.status), 'error="insufficient_scope"' in denied.challenge) == (403, True)
    for now in (JUNE - 1, NEW_YEAR):  # noqa: B007  (read by the access)
        assert int(refused(access, "Bearer a", Role.TENANT).status) == 401


def test_a_browser_sends_it_as_a_password_where_that_is_asked_for() -> None:
    """And nowhere else (API-8)."""
    access = Access(written(entry("a")))
    given = "Basic " + b64encode(b"whoever:a").decode()
    assert access.require({b"authorization": given.encode()}, Role.OPERATOR, by_password=True).role is Role.OPERATOR
    assert "Basic" in refused(access, None, by_password=True).challenge
    for wrong in (given[:-4], "Basic !", "Basic " + b64encode(b"a").decode()):
        refused(access, wrong, by_password=True)
    assert "Basic" not in refused(access, given).challenge


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("", 0, "`flk token new` shows the form"),
        ("[[token]]\nid = 1", 2, "`flk token new`"),
        (entry("a") + entry("a"), 7, "already used"),
        (entry("a", "tenant"), 4, "needs tenant"),
        (entry("a", "metrics", 'tenant = "t"'), 5, "does not belong"),
        (entry("a").replace("sha256", "sha512"), 3, "sha512"),
        (entry("a", more="not_after = 1969-01-01T00:00:00Z"), 5, "never count"),
        (entry("a", more='not_after = "2027"'), 5, "without quotes"),
        ("[[token]", 1, "not valid TOML"),
    ],
)
def test_a_mistake_is_named_with_its_line_and_the_fix(text: str, line: int, says: str) -> None:
    """As in key files."""
    path = written(text)
    with pytest.raises(UnusableInput) as mistake:
        read_access(path)
    message = str(mistake.value)
    assert says in message
    assert message.startswith(f"{path}:{line}:" if line else f"{path}:")


def test_a_token_is_made_once_and_stands_nowhere(tmp_path: Path) -> None:
    """The file of mode 600 has its digest; a second of the same name changes nothing."""
    path = tmp_path / "access.toml"
    token = add_token(path, "a", Role.TENANT, "t")
    assert token not in path.read_text()
    assert path.stat().st_mode & 0o777 == 0o600
    found = Access(path).of(token.encode())
    assert found is not None
    assert (found.id, found.role, found.tenant) == ("a", Role.TENANT, "t")
    before = path.read_bytes()
    for again in ((path, "a", Role.OPERATOR, None), (path, "b", Role.TENANT, None)):
        with pytest.raises(UnusableInput):
            add_token(*again)
    assert path.read_bytes() == before


def test_the_command_prints_a_token_once_and_lists_what_there_is(tmp_path: Path) -> None:
    """The token alone is what is printed, so that a script can keep it; a mistake in the file is exit code 2 with its line."""
    path = tmp_path / "access.toml"
    made = flk("token", "new", "--id", "a", "--role", "metrics", "--file", str(path))
    token = made.stdout.strip()
    assert (made.returncode, "takes it on SIGHUP" in made.stderr) == (0, True)
    found = Access(path).of(token.encode())
    assert found is not None
    assert found.role is Role.METRICS
    assert flk("token", "list", str(path)).stdout.split() == ["a", "metrics", "-", "always", "until", "for", "ever"]
    wrong = flk("token", "new", "--id", "b", "--file", str(path))  # of the role tenant, and no tenant
    assert (wrong.returncode, "needs tenant" in wrong.stderr, wrong.stdout) == (2, True, "")
