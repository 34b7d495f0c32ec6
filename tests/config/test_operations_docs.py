"""What docs/operations and docs/compliance say is there: metrics, alerts, commands, tests."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml
from django.core.management import get_commands, load_command_class

from config.metrics import flushing
from integrations.process_metrics import ENCRYPTION, REQUEST, SENT_BY_BEAT, STATEMENT, TASK, metrics
from tests.config.metrics.scrapes import Samples, scrape

ROOT = Path(__file__).resolve().parents[2]
OPERATIONS = ROOT / "docs" / "operations"
# Prometheus' own, of every target.
OF_PROMETHEUS = {"up"}


@cache
def alerts() -> dict[str, dict[str, Any]]:
    groups = yaml.safe_load((OPERATIONS / "prometheus-rules.yml").read_text())["groups"]
    return {rule["alert"]: rule for group in groups for rule in group["rules"]}


@cache
def panels() -> list[dict[str, Any]]:
    dashboard: dict[str, Any] = json.loads((OPERATIONS / "grafana-dashboard.json").read_text())
    return list(dashboard["panels"])


def expressions() -> dict[str, str]:
    """Return every expression by where it stands; Grafana's variable for a rate's window is given a value."""
    of_panels = {
        f"panel {panel['title']} {target['refId']}": target["expr"].replace("$__rate_interval", "1m")
        for panel in panels()
        for target in panel["targets"]
    }
    return {f"alert {name}": rule["expr"] for name, rule in alerts().items()} | of_panels


def selectors(node: Any) -> Iterator[promql_parser.VectorSelector]:
    if isinstance(node, promql_parser.VectorSelector):
        yield node
    for name in ("lhs", "rhs", "expr", "vector_selector"):
        if (child := getattr(node, name, None)) is not None:
            yield from selectors(child)
    for child in getattr(node, "args", None) or []:
        yield from selectors(child)


def grouping_labels(expression: str) -> set[str]:
    return {
        label.strip()
        for labels in re.findall(r"\bby \(([^)]*)\)", expression)
        for label in labels.split(",")
        if label.strip()
    }


@pytest.fixture
def samples(db: None) -> Samples:
    """A scrape of a site that has done a little of everything that is counted."""
    metrics.take()
    metrics.observe((REQUEST, "GET", "api/v1/webhooks", "200"), 0.1)
    metrics.observe((REQUEST, "GET", "api/v1/webhooks", "500"), 0.1)
    metrics.add((STATEMENT, "select"), 0.1)
    metrics.add((ENCRYPTION, "open", "ok"), 0.1)
    flushing.flush("web")
    metrics.add((TASK, "webhooks.drain", "success"), 0.1)
    flushing.flush("worker")
    metrics.add((SENT_BY_BEAT, "webhooks.drain"))
    flushing.flush("beat")
    return scrape()


def matches(labels: dict[str, str], matchers: list[promql_parser.Matcher]) -> bool:
    for matcher in matchers:
        value = labels.get(matcher.name, "")
        is_equal = matcher.op in (promql_parser.MatchOp.Equal, promql_parser.MatchOp.NotEqual)
        is_negated = matcher.op in (promql_parser.MatchOp.NotEqual, promql_parser.MatchOp.NotRe)
        matched = value == matcher.value if is_equal else re.fullmatch(matcher.value, value) is not None
        if matched == is_negated:
            return False
    return True


def test_every_expression_parses_and_finds_what_it_asks_for(samples: Samples) -> None:
    found = 0
    for where, expression in expressions().items():
        for selector in selectors(promql_parser.parse(expression)):
            if selector.name in OF_PROMETHEUS:
                continue
            matched = [
                dict(labels)
                for name, labels in samples
                if name == selector.name and matches(dict(labels), selector.matchers.matchers)
            ]
            assert matched, f"{where}: no sample of {selector.name} {selector.matchers.matchers}"
            found += 1
    assert found > 40


def test_every_label_that_is_grouped_by_is_there(samples: Samples) -> None:
    for where, expression in expressions().items():
        known = {
            label
            for selector in selectors(promql_parser.parse(expression))
            for name, labels in samples
            if name == selector.name
            for label in dict(labels)
        }
        assert grouping_labels(expression) <= known, where


def test_every_metric_is_on_the_dashboard_or_in_a_rule(samples: Samples) -> None:
    """But those that only complete others."""
    text = " ".join(expressions().values())
    metrics_named = {re.sub(r"_(bucket|sum|count|created)$", "", name) for name, _ in samples}
    assert [name for name in sorted(metrics_named) if name not in text] == []


@pytest.mark.parametrize("name", sorted(alerts()))
def test_rules_have_the_form_that_prometheus_takes(name: str) -> None:
    rule = alerts()[name]
    assert re.fullmatch(r"Signalbox[A-Z][A-Za-z]+", name)
    assert set(rule) <= {"alert", "expr", "for", "labels", "annotations"}
    assert re.fullmatch(r"\d+[smh]", rule.get("for", "0s"))
    assert rule["labels"]["severity"] in {"warning", "critical"}
    assert rule["annotations"]["summary"]
    templates = re.findall(r"{{(.*?)}}", rule["annotations"]["summary"])
    assert all(re.fullmatch(r" (\$value \| humanize\w+|\$labels\.\w+) ", template) for template in templates)


def test_rules_stand_in_groups_with_names_of_their_own() -> None:
    document = yaml.safe_load((OPERATIONS / "prometheus-rules.yml").read_text())
    assert set(document) == {"groups"}
    names = [group["name"] for group in document["groups"]]
    assert len(set(names)) == len(names)
    assert all(set(group) == {"name", "rules"} for group in document["groups"])
    assert len(alerts()) == sum(len(group["rules"]) for group in document["groups"])


def test_the_table_has_every_alert_and_no_other() -> None:
    text = (OPERATIONS / "README.md").read_text()
    assert set(re.findall(r"^\| `(Signalbox\w+)` \|", text, re.MULTILINE)) == set(alerts())


def test_the_dashboard_fits_together() -> None:
    ids = [panel["id"] for panel in panels()]
    assert len(set(ids)) == len(ids)
    taken: set[tuple[int, int]] = set()
    for panel in panels():
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert place["x"] + place["w"] <= 24
        assert not cells & taken, panel["title"]
        taken |= cells
        assert all(target["datasource"]["uid"] == "${datasource}" for target in panel["targets"])
        assert panel["description"]


def test_commands_that_are_named_exist_with_their_options() -> None:
    text = (OPERATIONS / "README.md").read_text()
    named = re.findall(r"manage\.py ([a-z_]+)((?: --?[a-z-]+(?: [^-`|][^ `|]*)?)*)", text)
    assert len({name for name, _ in named}) > 4
    commands = get_commands()
    for name, arguments in named:
        assert name in commands, name
        parser = load_command_class(commands[name], name).create_parser("manage.py", name)
        known = {option for action in parser._actions for option in action.option_strings}
        assert set(re.findall(r"--[a-z-]+", arguments)) <= known, (name, arguments)
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"`make ([a-z-]+)`", text):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def test_tests_that_the_compliance_page_names_exist_and_test_something() -> None:
    text = (ROOT / "docs" / "compliance.md").read_text()
    named = set(re.findall(r"`(tests/[\w/.]+)`", text))
    assert len(named) > 30
    missing = [path for path in sorted(named) if not (ROOT / path).is_file()]
    assert missing == []
    assert [path for path in sorted(named) if "\ndef test_" not in (ROOT / path).read_text()] == []


def test_every_statement_of_the_compliance_page_names_a_test() -> None:
    text = (ROOT / "docs" / "compliance.md").read_text()
    tables = text.partition("## GDPR")[2]
    rows = [line for line in tables.splitlines() if line.startswith("| ") and not line.startswith(("| article", "| criterion", "| requirement", "| safeguard"))]  # fmt: skip
    assert len(rows) > 20
    assert [row for row in rows if "`tests/" not in row.rsplit("|", 2)[1]] == []


@pytest.mark.parametrize("page", ["operations/README.md", "compliance.md"])
def test_links_lead_somewhere(page: str) -> None:
    path = ROOT / "docs" / page
    for target in re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", path.read_text()):
        if not target.startswith("http"):
            assert (path.parent / target).exists(), target
