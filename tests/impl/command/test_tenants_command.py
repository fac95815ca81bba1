"""`flk tenants`: entries are made, checked and listed."""

import json
from pathlib import Path

from typer.testing import CliRunner

from flk.impl.command.impl.tenants import tenants
from flk.impl.keys import add_key, new_key
from flk.model.record.signing import Algorithm


def told(*words: str) -> str:
    """What a command prints that succeeds."""
    done = CliRunner().invoke(tenants, [*words], catch_exceptions=False)
    assert done.exit_code == 0
    return done.output


def test_what_new_writes_list_and_check_read(tmp_path: Path) -> None:
    """Quotas in words and in JSON; and who has a key but no entry, or an entry but no key."""
    file, keyring = tmp_path / "tenants.toml", tmp_path / "keys.toml"
    assert told("new", "--id", "acme", "--records-per-second", "5") == (
        '[[tenant]]\nid = "acme"\nrecords_per_second = 5.0\n\n'
    )
    told("new", "--id", "acme", "--records-per-second", "5", "--records-per-day", "100", "--file", str(file))
    told("new", "--id", "gone", "--file", str(file))
    file.write_text(file.read_text() + 'active = false\nlabels = { team = "risk" }\n')
    assert told("list", str(file)) == (
        "acme  5 records a second, 10 at once; 100 records a day\ngone  not active  team=risk\n"
    )
    first, second = json.loads(told("list", str(file), "--json"))
    assert first["quotas"][0] == {"kind": "rate", "per_second": 5, "burst": 10}
    assert (second["active"], second["labels"]) == (False, {"team": "risk"})
    for tenant in ("acme", "beta"):
        add_key(keyring, new_key(tenant, "a", Algorithm.HMAC_SHA256))
    found = json.loads(told("check", str(file), "--keys", str(keyring), "--json"))
    assert found == {"tenants": ["acme", "gone"], "without_entry": ["beta"], "without_key": ["gone"]}
    assert "beta has a key and no entry: nothing binds it" in told("check", str(file), "--keys", str(keyring))
    told("new", "--id", "*", "--file", str(file))
    assert "beta has a key and no entry: that of * counts" in told("check", str(file), "--keys", str(keyring))
    assert "without_entry" in told("check", str(file), "--json")
