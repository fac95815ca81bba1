"""`flk serve --config`, `--check`, the environment, and `flk config`: every mistake has its place and the fix."""

import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import NamedTuple, get_args
from unittest.mock import patch

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.impl.command import flk
from typer.main import get_command

from flk.impl.command.app import app
from flk.impl.command.configuration.environment import GONE
from flk.impl.command.configuration.file import read
from flk.impl.command.configuration.settings import settings_of
from flk.impl.command.impl.config import json_schema, template
from flk.impl.command.impl.configured import UNFIT, rules
from flk.impl.command.impl.serve import serve
from flk.impl.keys import read_keys
from flk.impl.server.process import key_file, listening
from flk.spec.errors import UnusableInput

SETTINGS = {name: setting for name, setting in settings_of(serve).items() if name not in UNFIT}
FREE = sorted(
    SETTINGS.keys()
    - {
        "data",
        "keys",
        "objects",
        "store",
        "cold",
        "allow_origin",
        "peer",
        "feed",
        "trace",
        "tenants",
        "access",
        "admin_port",
        "tls_certificate",
        "tls_key",
        "tls_client_ca",
        "audit",
        "audit_lock",
        "audit_witness",
        "otlp",
    }
)
"""Settings that make sense whatever the others are."""


COMMAND = get_command(app)


class Checked(NamedTuple):
    """What a check printed, or the mistakes that it found."""

    output: str
    mistakes: tuple[str, ...]

    @property
    def settings(self) -> dict[str, tuple[str, str]]:
        """Value and source of each setting that is listed."""
        assert self.output.splitlines()[-1].startswith("✓")
        return {found[1]: (found[2], found[3]) for found in re.finditer(r"(?m)^(\w+) +(.*)  \((.*)\)$", self.output)}


def check(*arguments: str, **environment: str) -> Checked:
    """`flk serve … --check` in this process."""
    out = StringIO()
    with redirect_stdout(out), patch.dict("os.environ", environment):
        try:
            COMMAND.main(["serve", *arguments, "--check"], standalone_mode=False)
        except UnusableInput as refusal:
            return Checked(out.getvalue(), tuple(str(refusal).splitlines()))
    return Checked(out.getvalue(), ())


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A key file."""
    return key_file(tmp_path_factory.mktemp("keys"), "secret")


def values(name: str) -> st.SearchStrategy[object]:
    """Values of a setting as TOML has them."""
    kind = SETTINGS[name].type
    found = json_schema()["properties"][name]
    if "enum" in found:
        return st.sampled_from(sorted(get_args(kind)))
    low, high = found.get("minimum", 0), found.get("maximum", 1_000)
    of_type: dict[str, st.SearchStrategy[object]] = {
        "boolean": st.booleans(),
        "integer": st.integers(int(low), int(high)),
        "number": st.floats(low, max(low, high), allow_nan=False)
        | st.integers(int(low) + 1, min(99, int(max(low + 1, high)))),
        "string": st.text("abcxyz019-._", min_size=1, max_size=9),
    }
    return of_type[found["type"]]


@st.composite
def configurations(draw: st.DrawFn) -> dict[str, object]:
    """Some settings that make sense together, with values."""
    names = draw(st.lists(st.sampled_from(FREE), unique=True, max_size=5))
    found = {name: draw(values(name)) for name in names}
    return {
        name: value for name, value in found.items() if name not in {"accept_shortest", "retain", "compare_every"}
    } | ({"reconcile": "manual"} if "reconcile" in found else {})


def as_options(configuration: Mapping[str, object]) -> list[str]:
    """The same on the command line."""
    given = []
    for name, value in configuration.items():
        option = f"--{name.replace('_', '-')}"
        given += ([option] if value else []) if isinstance(value, bool) else [option, str(value)]
    return given


@pytest.mark.slow
@settings(max_examples=25, deadline=None)
@given(configuration=configurations())
def test_a_file_says_what_options_say(keys: Path, configuration: dict[str, object]) -> None:
    """Whatever is set in a file has the value that the same option gives it, and the file is told as its source."""
    file = keys.with_name("flk.toml")
    file.write_text("".join(f"{name} = {json.dumps(value)}\n" for name, value in configuration.items()))
    base = ("--data", "d", "--keys", str(keys))
    by_file = check("--config", str(file), *base).settings
    by_options = check(*base, *as_options(configuration)).settings
    assert {source for name, (_, source) in by_file.items() if name in configuration} <= {
        f"{file}:{line}" for line in range(1, len(configuration) + 1)
    }
    off = {name: "False" for name, value in configuration.items() if value is False}
    expected = {name: value for name, (value, _) in by_options.items()} | off
    assert {name: value for name, (value, _) in by_file.items() if name != "config"} == expected


REALS = st.floats(allow_nan=False).filter(
    lambda number: not number.is_integer()
)  # 5.0 is an integer to JSON Schema, and none to TOML


@pytest.mark.slow
@settings(deadline=None)
@given(
    st.sampled_from(sorted(SETTINGS)),
    st.none() | st.booleans() | st.integers() | REALS | st.text() | st.lists(st.text()),
)
def test_the_schema_takes_what_the_reader_takes(name: str, value: object) -> None:
    """JSON Schema and reader agree on each value of each setting."""
    try:
        jsonschema.validate({name: value}, json_schema())
    except jsonschema.ValidationError:
        assert value not in SETTINGS[name]
    else:
        assert value in SETTINGS[name]


@settings(max_examples=60, deadline=None)
@given(text=st.text() | st.binary().map(lambda raw: raw.decode("latin-1")))
def test_whatever_a_file_holds_is_read_or_refused_with_its_line(keys: Path, text: str) -> None:
    """No text ends in anything but a configuration, or a message that names the file and a line of it."""
    file = keys.with_name("any.toml")
    file.write_text(text, "utf-8", "replace")
    told = mistakes(file)
    assert [line for line in told if not re.match(rf"{re.escape(str(file))}:\d+: ", line)] == []


def mistakes(file: Path) -> list[str]:
    """What is wrong with a file, line by line."""
    try:
        return list(read(file, rules(serve)).mistakes)
    except UnusableInput as refusal:
        return str(refusal).splitlines()


MISTAKES = [
    ("regoin = 'eu'", "regoin: there is no such setting; did you mean region?"),
    ("ship-every = 1", "did you mean ship_every"),
    ("port = 70000", "write a whole number from 0 to 65535"),
    ("port = -1", "write a whole number from 0 to 65535"),
    ("port = '8080'", '"8080" will not do; write a whole number'),
    ("port = 80.5", "80.5 will not do; write a whole number"),
    ("port = true", "true will not do; write a whole number"),
    ("host = 1", "write a text in quotes"),
    ("fsync = 'maybe'", 'write one of "thread", "loop", "off"'),
    ("reconcile = 'auto'", 'write one of "manual", "auto-safe", "auto-aggressive"'),
    ("log_level = 'loud'", 'write one of "debug", "info", "warning", "error"'),
    ("back_pressure = 'yes'", "write true or false"),
    ("back_pressure = 1", "write true or false"),
    ("ship_every = 0", "write a number of at least 0.01"),
    ("ship_every = '5s'", "write a number of at least 0.01"),
    ("retain = -1", "write a number of at least 0"),
    ("incarnation = 0", "write a whole number of at least 1"),
    ("peer = 'us'", "write a list, each of it a text in quotes"),
    ("peer = [1]", "write a list, each of it a text in quotes"),
    ("trace = ['a']", "write a text in quotes"),
    ("trust_wall_time = true", "it is for one start: give --trust-wall-time as an option then"),
    ("accept_loss = ['eu.000001/000000000001']", "it is for one loss"),
    ("limit = ['max_connections=1']", "bounds stand in the table [limits]"),
    ("config = 'other.toml'", "a file names no other"),
    ("limits = 5", "write a table, [limits]"),
    ("limits.max_conections = 1", "did you mean max_connections?"),
    ("limits.max_connections = 'x'", "write a number"),
    ("limits.max_connections = true", "write a number"),
    ("limits.pressure.target_quue = 1", "did you mean pressure.target_queue?"),
    ("[node]\nregion = 'eu'", "node: there is no such setting"),
    ("region = ", "not valid TOML"),
    ("region = 'eu'\nregion = 'us'", "not valid TOML"),
]


@pytest.mark.parametrize(("text", "fix"), MISTAKES, ids=[text for text, _ in MISTAKES])
def test_a_mistake_has_its_line_and_the_fix(tmp_path: Path, text: str, fix: str) -> None:
    """Behind two lines of comment and an empty one, each is told where it stands."""
    file = tmp_path / "flk.toml"
    file.write_text(f"# a node\n# of ours\n\n{text}\n")
    (line,) = mistakes(file)
    assert re.match(rf"{re.escape(str(file))}:[45]: ", line)
    assert fix in line


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    """In the order of the file."""
    file = tmp_path / "flk.toml"
    file.write_text("data = 5\nregoin = 'eu'\nport = 70000\n\n[limits]\nmax_conections = 3\nhead_bytes = 'x'\n")
    places = [line.split(":")[1] for line in check("--config", str(file), "--keys", "k").mistakes]
    assert places == ["1", "2", "3", "6", "7"]


def test_what_makes_no_sense_together_is_told_where_it_is_set(tmp_path: Path, keys: Path) -> None:
    """File and line, or variable, stand before a message about an option that neither names."""
    file = tmp_path / "flk.toml"
    file.write_text(f'data = "d"\nkeys = "{keys}"\n\nretain = 5\n')
    retain, reconcile = check("--config", str(file), FLK_RECONCILE="auto-safe").mistakes
    assert retain.startswith(f"{file}:4: --retain: ")
    assert reconcile.startswith("FLK_RECONCILE: --reconcile auto-safe: ")


def test_a_broken_key_file_is_a_mistake_like_any_other(tmp_path: Path) -> None:
    """With its own file and line; and what else is wrong is told, too."""
    broken = tmp_path / "keys.toml"
    broken.write_text('[[key]]\ntenant = "a"\nid = "b"\nalgorithm = "md5"\n')
    first, second = check("--data", "d", "--keys", str(broken), "--retain", "5").mistakes
    assert first.startswith(f"{broken}:4: ")
    assert second.startswith("--retain")


def test_options_prevail_over_the_environment_and_that_over_the_file(tmp_path: Path, keys: Path) -> None:
    """And each is told with its source."""
    file = tmp_path / "flk.toml"
    file.write_text(f'data = "d"\nkeys = "{keys}"\nregion = "a"\nhost = "h1"\nport = 1\n')
    found = check("--config", str(file), "--region", "c", FLK_REGION="b", FLK_HOST="h2").settings
    assert [found[name] for name in ("region", "host", "port")] == [
        ("c", "option"),
        ("h2", "FLK_HOST"),
        ("1", f"{file}:5"),
    ]


def test_relative_paths_start_at_the_file(tmp_path: Path) -> None:
    """Wherever the command is given; an absolute one stays."""
    file = tmp_path / "flk.toml"
    file.write_text('data = "d"\nkeys = "/etc/flk/keys.toml"\n')
    assert read(file, rules(serve)).values == {"data": str(tmp_path / "d"), "keys": "/etc/flk/keys.toml"}


def test_a_misspelt_variable_is_a_mistake_and_one_of_kubernetes_is_not(keys: Path) -> None:
    """A pod has variables for each service of its namespace; one of them would be the port, and the message says so."""
    base = ("--data", "d", "--keys", str(keys))
    assert not check(
        *base, FLK_EU_SERVICE_HOST="10.0.0.1", FLK_PORT_8080_TCP_ADDR="10.0.0.1", FLK_EU_PORT="tcp://10.0.0.1:80"
    ).mistakes
    (line,) = check(*base, FLK_REGOIN="us").mistakes
    assert line == "FLK_REGOIN: there is no such setting; did you mean FLK_REGION?"
    (line,) = check(*base, FLK_PORT="tcp://10.0.0.1:8080").mistakes
    assert "enableServiceLinks: false" in line


def test_a_variable_is_as_strict_as_the_file(keys: Path) -> None:
    """Each that will not do is told with the fix, in the order of the options."""
    bad = {
        "FLK_PORT": "x",
        "FLK_FSYNC": "maybe",
        "FLK_SHIP_EVERY": "0",
        "FLK_TRUST_WALL_TIME": "true",
        "FLK_BREAKER": "yes",
    }
    found = check("--data", "d", "--keys", str(keys), **bad).mistakes
    assert [line.partition(":")[0] for line in found] == order(bad)
    assert found[0] == 'FLK_PORT: "x" will not do; write a whole number from 0 to 65535'


def order(variables: Mapping[str, str]) -> list[str]:
    """The variables in the order of the options."""
    return [setting.variable for setting in settings_of(serve).values() if setting.variable in variables]


def test_names_of_the_earlier_system(keys: Path) -> None:
    """Those that mean the same still count; of the others it is told what does."""
    done = check("--keys", str(keys), WAL_DIR="d", PORT="9", **dict.fromkeys(GONE, "x"))
    assert (done.settings["data"], done.settings["port"]) == (("d", "WAL_DIR"), ("9", "PORT"))
    assert all(f"{name} is not read: " in done.output for name in GONE)


def test_no_password_is_told(keys: Path) -> None:
    """Neither by a check, nor by a mistake."""
    url = "postgresql://flk:hunter2@db.example/flk"
    assert "hunter2" not in check("--data", "d", "--keys", str(keys), "--store", url).output
    found = check("--data", "d", "--keys", str(keys), "--store", url.replace("postgresql", "mysql")).mistakes
    assert len(found) == 1
    assert "hunter2" not in found[0]


def test_the_printed_file_is_valid_and_so_is_each_of_its_lines(tmp_path: Path) -> None:
    """What is commented out is the default: a file with every line that has a value says nothing else."""
    lines = tuple(template())
    (tmp_path / "flk.toml").write_text("\n".join(lines))
    assert read(tmp_path / "flk.toml", rules(serve)).values.keys() == {"data", "keys"}
    whole = [line.removeprefix("# ") if re.match(r"# [\w.]+ = [^…]*$", line) else line for line in lines]
    (tmp_path / "flk.toml").write_text("\n".join(whole))
    found = read(tmp_path / "flk.toml", rules(serve)).values
    assert found.keys() >= SETTINGS.keys() - {
        "trace",
        "objects",
        "retain",
        "compare_every",
        "store",
        "cold",
        "allow_origin",
        "tenants",
        "access",
        "admin_port",
        "tls_certificate",
        "tls_key",
        "tls_client_ca",
        "audit",
        "audit_lock",
        "otlp",
    }
    jsonschema.validate(tomllib.loads("\n".join(lines)), json_schema())


@pytest.mark.slow
def test_a_node_starts_from_a_file_alone(tmp_path: Path) -> None:
    """And nothing starts with a mistake in it: no directory is made."""
    read_keys(key_file(tmp_path, "secret"))
    file = tmp_path / "flk.toml"
    file.write_text('data = "data"\nkeys = "keys.toml"\nport = 0\nlog_level = "error"\n')
    command = [sys.executable, "-m", "flk.impl.command", "serve", "--config", str(file)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert listening(process).url.startswith("http://127.0.0.1:")
        assert (tmp_path / "data").is_dir()
    finally:
        process.terminate()
        process.communicate()
    file.write_text('data = "other"\nkeys = "keys.toml"\nprot = 0\n')
    done = flk("serve", "--config", str(file))
    assert (done.returncode, (tmp_path / "other").exists()) == (2, False)
    assert "did you mean port?" in done.stderr
