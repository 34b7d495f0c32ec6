"""The table of `docs/reference/alerts.md` that follows from the registry; a test holds the page against it."""

from __future__ import annotations

from analytics.alerts.rule_kinds.base import Parameter
from analytics.alerts.rule_kinds.registry import all_rule_kinds


def rule_kinds_table() -> str:
    """Return the kinds of rules as a Markdown table."""
    rows = [
        "| kind | opens an alert when | about | parameters (default, limits) | for tenants |",
        "|---|---|---|---|---|",
    ]
    for kind in all_rule_kinds():
        parameters = "; ".join(map(_shown, kind.parameters)) or "–"
        tenants = "✓" if kind.for_tenants else ""
        rows.append(f"| `{kind.key}` | {kind.description} | {kind.objects} | {parameters} | {tenants} |")
    return "\n".join(rows)


def _shown(parameter: Parameter) -> str:
    unit = f" {parameter.unit}" if parameter.unit else ""
    limits = f"{parameter.minimum:,} to {parameter.maximum:,}"
    return f"`{parameter.name}` ({parameter.default:,}{unit}, {limits})"
