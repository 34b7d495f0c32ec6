from __future__ import annotations

from pathlib import Path

from analytics.alerts.rule_kinds.reference import rule_kinds_table

PAGE = Path(__file__).resolve().parents[4] / "docs" / "reference" / "alerts.md"


def test_page_has_the_table_of_the_registry() -> None:
    assert rule_kinds_table() in PAGE.read_text(encoding="utf-8")
