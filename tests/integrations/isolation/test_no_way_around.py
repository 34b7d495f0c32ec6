"""What passes by the guard, or is let pass by it, is known by name: each place here was thought about."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
ROOMS = ("integrations", "webhooks", "analytics", "config")

# Why a tenant's request may query there as the owner.
OUTSIDE_SCOPE = {
    "analytics/alerts/queries.py: platform_rules_for_tenants": "which rules of the platform watch the tenant",
    "integrations/api/me.py: _person": "the person who asks, and where else they are a member",
    "integrations/api/members.py: list": "the names of the tenant's own members",
    "integrations/encryption/data_keys.py: cipher_of": "a key that is held in memory needs no query at all",
    "integrations/encryption/unreadable.py: mark_unreadable": "the mark has a transaction of its own",
    "integrations/isolation/transaction_settings.py: _exchange": "it opens the scope, and reads no row",
    "integrations/member_queries.py: get_member": "the name of one of the tenant's own members",
    "integrations/services/invitations.py: invite_member": "whether the invited person has an account",
    "integrations/services/memberships.py: _user_name": "the name of one of the tenant's own members",
}
# Django hands these on to psycopg, past every wrapper. None of them runs in a request, but the last, which runs nothing.
PAST_THE_CURSOR = {
    "analytics/recording.py: copy": "the engine records",
    "config/embedded/postgres.py: connect": "starts the embedded server",
    "integrations/redis_script.py: connect": "connects to Redis",
    "webhooks/engine/database.py: connection": "the engine claims and records",
    "integrations/isolation/transaction_settings.py: connection": "asks the driver for the transaction's state",
}
DRIVER = {"copy", "stream", "callproc", "connection", "connect"}


def calls(path: Path) -> Iterator[tuple[str, ast.AST]]:
    """Yield every node of a module with the name of the function around it."""

    def walk(node: ast.AST, function: str) -> Iterator[tuple[str, ast.AST]]:
        for child in ast.iter_child_nodes(node):
            inner = child.name if isinstance(child, ast.FunctionDef) else function
            yield inner, child
            yield from walk(child, inner)

    yield from walk(ast.parse(path.read_text(encoding="utf-8")), "")


def modules() -> Iterator[Path]:
    for room in ROOMS:
        yield from sorted((ROOT / room).rglob("*.py"))


def test_queries_outside_of_the_scope_only_where_that_is_right() -> None:
    found = {
        f"{path.relative_to(ROOT)}: {function}"
        for path in modules()
        for function, node in calls(path)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "outside_scope"
    }

    assert found == set(OUTSIDE_SCOPE)


def test_goes_past_djangos_cursors_only_where_no_tenant_asks() -> None:
    found = {
        f"{path.relative_to(ROOT)}: {node.attr}"
        for path in modules()
        for _, node in calls(path)
        if isinstance(node, ast.Attribute)
        and node.attr in DRIVER
        and isinstance(node.value, ast.Name)
        and node.value.id in {"cursor", "connection", "opened", "wrapper", "psycopg"}
    }

    assert found == set(PAST_THE_CURSOR)
