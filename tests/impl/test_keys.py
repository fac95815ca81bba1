"""Key files: what they say is what counts, and a mistake in one is named with its line and its fix."""

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.model.world import KEY, pcs

from flk.impl.entry_files import readable_by_others
from flk.impl.keys import Use, load_drawing_key, load_keys, load_signer, new_key, read_keys
from flk.model.record.signing import Algorithm, Keyring, sign
from flk.model.refusal import Unauthenticated
from flk.spec.errors import UnusableInput

NAMES = st.from_regex(r"[A-Za-z0-9._-]{1,64}", fullmatch=True)
HMAC = '[[key]]\ntenant = "default"\nid = "a"\nalgorithm = "hmac-sha256"\nsecret = "testsecret"\n'
ED25519 = '[[key]]\ntenant = "default"\nid = "a"\nalgorithm = "ed25519"\n'
RAW = "A" * 43 + "="
JANUARY, JUNE, NEW_YEAR = 1_767_225_600.0, 1_780_272_000.0, 1_798_761_600.0


def written(text: str) -> Path:
    """A key file of that text."""
    path = Path(tempfile.mkdtemp()) / "keys.toml"
    path.write_text(text)
    return path


def accepts(keys: Keyring, sig: str, at: float = 0.0, tenant: str = "default") -> bool:
    """Whether the keys take the signature for the usual record."""
    try:
        keys.authenticate(tenant, pcs(), sig, at)
    except Unauthenticated:
        return False
    return True


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(NAMES, NAMES, st.sampled_from(Algorithm)), min_size=1, max_size=5, unique_by=lambda k: k[:2]))
def test_what_a_new_key_signs_its_tenant_may_submit_and_nobody_else(made: list[tuple[str, str, Algorithm]]) -> None:
    """Keys of any tenants and algorithms in one file: each tenant's newest signs, and only under that tenant it counts."""
    path = written("".join(new_key(*each) for each in made))
    keys = load_keys(path)
    for tenant in {tenant for tenant, _, _ in made}:
        sig = sign(load_signer(path, tenant), pcs())
        assert [other for other in {name for name, _, _ in made} | {"nobody"} if accepts(keys, sig, tenant=other)] == [
            tenant
        ]


def test_a_text_secret_is_that_of_the_earlier_system() -> None:
    """The UTF-8 bytes of `secret` are the key."""
    assert accepts(load_keys(written(HMAC)), sign(KEY, pcs()))


def test_keys_overlap_while_they_rotate() -> None:
    """Each key counts from its first moment until just before its last; the agent signs with the one that began last."""
    old = HMAC + "not_after = 2026-06-01T00:00:00Z\n"
    new = HMAC.replace('"a"', '"b"').replace("testsecret", "another") + "not_before = 2026-01-01T01:00:00+01:00\n"
    path = written(new + old)
    keys = load_keys(path)
    by_old = sign(load_signer(path, "default", lambda: JANUARY - 1), pcs())
    by_new = sign(load_signer(path, "default", lambda: JANUARY), pcs())
    assert by_old != by_new
    assert [accepts(keys, by_old, at) for at in (JANUARY - 1, JANUARY, JUNE - 1, JUNE)] == [True, True, True, False]
    assert [accepts(keys, by_new, at) for at in (JANUARY - 1, JANUARY, JUNE, NEW_YEAR)] == [False, True, True, True]


def test_a_server_needs_only_the_public_half() -> None:
    """Without `private_base64` a file verifies and cannot sign; with it alone, the public half follows."""
    both = new_key("default", "a", Algorithm.ED25519)
    public = "\n".join(line for line in both.splitlines() if not line.startswith("private"))
    private = "\n".join(line for line in both.splitlines() if not line.startswith("public"))
    sig = sign(load_signer(written(private), "default"), pcs())
    assert accepts(load_keys(written(public)), sig)
    assert accepts(load_keys(written(private)), sig)
    with pytest.raises(UnusableInput, match="no key here that can sign now"):
        load_signer(written(public), "default")


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("", 1, "missing required field `key`"),
        ("[[key]]\ntenant = ", 2, "not valid TOML"),
        (HMAC.replace('"hmac-sha256"', '"md5"'), 4, "md5"),
        (HMAC.replace('"default"', '"a/b"'), 2, "matching regex"),
        (HMAC + "extra = 1\n", 6, "unknown field `extra`"),
        (HMAC + "\n" + HMAC.replace('id = "a"\n', ""), 7, "missing required field `id`"),
        (HMAC + "\n# the same again\n" + HMAC, 10, "give each key its own"),
        (HMAC + 'secret_base64 = "AAAA"\n', 6, "keep one of them"),
        (HMAC.replace("secret =", "# secret ="), 4, "needs secret or secret_base64"),
        (HMAC.replace('secret = "testsecret"', 'secret_base64 = "not base64"'), 5, "encode the raw bytes again"),
        (HMAC.replace('"testsecret"', '""'), 5, "length >= 1"),
        (HMAC + f'public_base64 = "{RAW}"\n', 6, "takes secret or secret_base64"),
        (HMAC + "not_before = 2026-01-01T00:00:00\n", 6, "with its offset"),
        (HMAC + 'not_after = "soon"\n', 6, "without quotes"),
        (HMAC + "not_before = 2026-06-01T00:00:00Z\nnot_after = 2026-06-01T00:00:00Z\n", 7, "would never be live"),
        (ED25519, 4, "needs public_base64 or private_base64"),
        (ED25519 + 'public_base64 = "AAAA"\n', 5, "not as PEM"),
        (ED25519 + 'private_base64 = "AAAA"\n', 5, "not as PEM"),
        (HMAC + 'use = "vrf"\n', 6, "needs an ed25519 key"),
        (HMAC + 'use = "draws"\n', 6, "draws"),
        (ED25519 + f'public_base64 = "{RAW}"\nuse = "vrf"\n', 5, "of small order"),
        (ED25519 + f'private_base64 = "{RAW}"\npublic_base64 = "{RAW}"\n', 6, "correct one of them"),
    ],
)
def test_a_mistake_is_named_with_file_line_and_fix(text: str, line: int, said: str) -> None:
    """And without any of the secrets in the file."""
    path = written(text)
    with pytest.raises(UnusableInput) as error:
        load_keys(path)
    assert str(error.value).startswith(f"{path}:{line}: ")
    assert said in str(error.value)
    assert "testsecret" not in str(error.value)


def test_a_missing_file_is_named() -> None:
    """As is one that is not text."""
    path = written("") / "nothing"
    with pytest.raises(UnusableInput, match="nothing: the key file cannot be read"):
        read_keys(path)
    path = written("")
    path.write_bytes(b"\xff")
    with pytest.raises(UnusableInput, match="cannot be read"):
        read_keys(path)


def test_an_entry_does_not_show_its_secret() -> None:
    """Nor the entries' container, whatever prints it."""
    assert "testsecret" not in repr(read_keys(written(HMAC)))


def test_a_file_that_others_may_read_is_noticed() -> None:
    """The group counts as others."""
    path = written(HMAC)
    path.chmod(0o600)
    assert not readable_by_others(path)
    path.chmod(0o640)
    assert readable_by_others(path)


def test_a_key_that_draws_signs_nothing() -> None:
    """An agent neither signs with it nor draws with another; a server takes no signature of it, and knows while it is live."""
    drawing = new_key("default", "draws", Algorithm.ED25519, Use.VRF)
    signing = new_key("default", "signs", Algorithm.ED25519)
    ended = drawing.replace('"draws"', '"ended"') + "not_after = 2026-01-01T00:00:00Z\n"
    path = written(ended + signing + new_key("default", "draws", Algorithm.ED25519, Use.VRF))
    key, ring = load_drawing_key(path, "default"), load_keys(path)
    (entry,) = [entry for entry in read_keys(path) if entry.id == "draws"]
    other = entry.signer()
    assert other is not None
    assert ring.vrf_keys("default", NEW_YEAR) == (key.public,)
    assert len(ring.vrf_keys("default", JANUARY - 1)) == 2
    assert not accepts(ring, sign(other, pcs()), NEW_YEAR)
    assert accepts(ring, sign(load_signer(path, "default"), pcs()), NEW_YEAR)
    with pytest.raises(UnusableInput, match="`flk keys new --vrf` makes one"):
        load_drawing_key(written(signing), "default")
    with pytest.raises(UnusableInput, match="no key here that can sign now"):
        load_signer(written(drawing), "default")
