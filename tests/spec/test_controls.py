"""The tables of controls: each has queries or says why not, and every name in a query exists (EVD-1)."""

import pytest

from flk.sim.api.inputs import scenario_of
from flk.sim.scenarios.files import library
from flk.spec.controls import Framework, Simulated, parse, table
from flk.spec.errors import UnusableInput

HEAD = 'title = "T"\n[[control]]\nid = "X"\ntitle = "x"\n'

METRIC = 'queries = [{{ kind = "metric", metric = "{}", over = "sum", at_most = 0{} }}]'


@pytest.mark.parametrize("framework", Framework)
def test_each_control_has_queries_or_says_why_not(framework: Framework) -> None:
    """And there is more than one of either: no framework is all technical."""
    controls = table(framework).controls
    assert all(bool(control.queries) is not bool(control.outside) for control in controls)
    assert (
        min(sum(bool(control.queries) for control in controls), sum(bool(control.outside) for control in controls)) > 1
    )


def test_scenarios_are_in_the_library_with_their_objectives() -> None:
    """A run of another scenario could never answer the query."""
    for framework in Framework:
        for control in table(framework).controls:
            for query in control.queries:
                if isinstance(query, Simulated):
                    assert query.scenario in library(), control.id
                    slo = scenario_of(query.scenario).slo
                    field = query.objective.lower().replace(" ", "_")
                    assert not field or getattr(slo, field) is not None, control.id


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "title"),
        ("[", "TOML|Expected|character"),
        (HEAD, "give it `queries`"),
        (HEAD + 'outside = "o"\nqueries = [{ kind = "log" }]\n', "give it `queries`"),
        (HEAD + 'queries = [{ kind = "rumour" }]\n', "rumour"),
        (HEAD + 'queries = [{ kind = "log" }, { kind = "log" }]\n', "asks the same twice"),
        (HEAD + 'queries = [{ kind = "requirements", ids = ["WAL-99"] }]\n', "no requirement is called WAL-99"),
        (HEAD + 'queries = [{ kind = "requirements", ids = [] }]\n', "length"),
        (HEAD + 'queries = [{ kind = "claims", names = ["magic"] }]\n', "no claim is called magic"),
        (HEAD + 'queries = [{ kind = "leaves", about = "love", at_least = 1 }]\n', "no kind of leaf is called love"),
        (HEAD + 'queries = [{ kind = "leaves", about = "keys" }]\n', "nothing is asked"),
        (HEAD + METRIC.format("flk_x", ""), "no metric is called flk_x"),
        (HEAD + METRIC.format("flk_ready", ', labels = { a = "b" }'), "no label is called a"),
        (HEAD + 'outside = "o"\n[[control]]\nid = "X"\ntitle = "x"\noutside = "o"\n', "X is there twice"),
    ],
)  # fmt: skip
def test_mistakes_in_a_table_are_named(text: str, said: str) -> None:
    """With the file, the control and the fix."""
    with pytest.raises(UnusableInput, match=said):
        parse(Framework.SOC2, text)
