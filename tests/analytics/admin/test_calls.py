"""The list of calls in the admin: filtered it looks at the last day, and opens the partitions of that time alone."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils.html import strip_tags

from analytics.models import WebhookCall
from integrations.models import User
from integrations.partitioning.days import partition_name, today
from integrations.partitioning.partitions import make_partitions
from integrations.platform_roles import PlatformRole
from tests.analytics.calls import call, record

LIST = reverse("admin:analytics_webhookcall_changelist")
TENANT, TARGET = UUID(int=0x019A9F5E6F0C7CC49D0A2F3A4B5C6D7E), UUID(int=0x019A9F5E6F0C7CC49D0A2F3A4B5C6D7F)
# Ages in hours: within a day, a week, a month, and beyond; each edge from both sides.
AGES = (1, 23, 25, 167, 169, 719, 721)
EXPLAINED = "Last 24 hours, as the list is filtered or sorted: choose another time under “when”"


@pytest.fixture(params=[PlatformRole.OWNER, PlatformRole.AUDITOR], ids=str)
def client(request: pytest.FixtureRequest, db: None) -> Client:
    user = User.objects.create_user("ada", is_staff=True, platform_role=request.param)
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def timeouts(db: None) -> None:
    """A timed out call of each age, and a successful one beside it."""
    now = datetime.now(UTC)
    for age in AGES:
        moment = now - timedelta(hours=age)
        timed_out: dict[str, Any] = {"success": False, "error_kind": "timeout", "status_code": None}
        record(
            [
                call(tenant_id=TENANT, target_id=TARGET, attempt=age, timestamp=moment, **timed_out),
                call(tenant_id=TENANT, attempt=age, timestamp=moment),
            ]
        )
    make_partitions()


def ages(client: Client, query: str) -> list[int]:
    answer = client.get(f"{LIST}?{query}")
    assert answer.status_code == 200
    return [row.attempt for row in answer.context["cl"].result_list]


@pytest.mark.usefixtures("timeouts")
@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("error_kind__exact=timeout", AGES[:2]),
        ("success__exact=0", AGES[:2]),
        ("error_kind__exact=timeout&when=24h", AGES[:2]),
        ("error_kind__exact=timeout&when=7d", AGES[:4]),
        ("error_kind__exact=timeout&when=30d", AGES[:6]),
        ("error_kind__exact=timeout&when=all", AGES),
        ("error_kind__exact=timeout&when=yesterday", AGES[:2]),
        (f"target_id={TARGET}", AGES),
        (f"target_id={TARGET}&success__exact=0", AGES[:2]),
        ("error_kind__exact=timeout&o=-3", (23, 1)),
    ],
)
def test_shows_the_last_day_when_filtered_and_the_time_that_was_chosen(
    client: Client, query: str, shown: tuple[int, ...]
) -> None:
    assert ages(client, query) == list(shown)


@pytest.mark.usefixtures("timeouts")
@pytest.mark.parametrize("query", ["", "p=1", "when=all", "when=nonsense"])
def test_shows_all_of_time_when_nothing_narrows_it(client: Client, query: str) -> None:
    assert ages(client, query) == [age for age in AGES for _ in range(2)]


@pytest.mark.usefixtures("timeouts")
@pytest.mark.parametrize(
    ("query", "subtitle", "chosen"),
    [
        ("", None, "Any time"),
        ("when=7d", "Last 7 days", "Last 7 days"),
        ("success__exact=0", EXPLAINED, "Last 24 hours"),
        ("o=1", EXPLAINED, "Last 24 hours"),
        ("success__exact=0&when=all", None, "Any time"),
        (f"target_id__exact={TARGET}", None, "Any time"),
    ],
)
def test_says_which_time_it_shows(client: Client, query: str, subtitle: str | None, chosen: str) -> None:
    answer = client.get(f"{LIST}?{query}")
    text = answer.content.decode()
    assert answer.context["subtitle"] == subtitle
    assert subtitle is None or f"<h2>{subtitle}</h2>" in text
    filtered = text[text.index('data-filter-title="when"') :]
    selected = re.findall(r'<li class="selected">(.*?)</li>', filtered[: filtered.index("</details>")], re.DOTALL)
    assert [strip_tags(entry).strip() for entry in selected] == [chosen]


@pytest.mark.usefixtures("timeouts")
def test_opens_the_partitions_of_the_range_alone_when_filtered(client: Client) -> None:
    with CaptureQueriesContext(connection) as queries:
        client.get(f"{LIST}?error_kind__exact=timeout")
    table = WebhookCall._meta.db_table
    statements = [query["sql"] for query in queries if f'FROM "{table}"' in query["sql"]]
    opened = set()
    for statement in statements:
        with connection.cursor() as cursor:
            cursor.execute(f"EXPLAIN {statement.replace('%', '%%')}")
            opened.add(frozenset(re.findall(rf"{table}_(?:p\d{{8}}|default)", str(cursor.fetchall()))))
    assert len(statements) == 2
    days = (today() - timedelta(days=1), today(), today() + timedelta(days=1))
    assert opened == {frozenset(partition_name(table, day) for day in days)}
