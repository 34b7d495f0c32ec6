"""The whole site behind pgbouncer in transaction pooling: few server connections, many threads, no row astray."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest
import requests

from tests.integrations.isolation.pgbouncer import PgBouncer, binary
from tests.receiver import Receiver
from tests.running_site import RunningSite, wait_until

POOL = 3
TENANTS = 4
THREADS = 8
ROUNDS = 15
OPTIONS = "-c idle_in_transaction_session_timeout=60000"

pytestmark = [
    pytest.mark.processes,
    pytest.mark.skipif(binary() is None, reason="needs pgbouncer (Debian: apt-get install pgbouncer)"),
]


@pytest.fixture
def pooled(tmp_path: Path) -> Iterator[tuple[RunningSite, PgBouncer]]:
    """A site that reaches its database through pgbouncer alone, migrations included."""
    with (
        PgBouncer(os.environ["DATABASE_URL"], pool_size=POOL) as pool,
        RunningSite(tmp_path, database_server=pool.url) as site,
    ):
        yield site, pool


@pytest.mark.e2e
def test_keeps_tenants_apart_and_loses_nothing_with_few_server_connections(
    pooled: tuple[RunningSite, PgBouncer], receiver: Receiver
) -> None:
    site, pool = pooled
    members = _members(site, receiver)
    slugs = sorted(members)

    def one_of_many_threads(number: int) -> list[tuple[str, list[str], int]]:
        """Return whose webhooks were asked for, whose came, and the answer to an event."""
        seen = []
        for turn in range(ROUNDS):
            slug = slugs[(number + turn) % TENANTS]
            headers = {"Authorization": f"Bearer {members[slug]}"}
            event = {"type": "order.paid", "payload": {"of": slug, "number": f"{number}.{turn}"}}
            accepted = requests.post(f"{site.url}/api/v1/events", json=event, headers=headers, timeout=30)
            listed = requests.get(f"{site.url}/api/v1/webhooks", headers=headers, timeout=30)
            names = [hook["workflow_name"] for hook in listed.json()["results"]]
            seen.append((slug, names, accepted.status_code))
        return seen

    with ThreadPoolExecutor(THREADS) as threads:
        answers = [answer for seen in threads.map(one_of_many_threads, range(THREADS)) for answer in seen]

    assert len(answers) == THREADS * ROUNDS
    assert [answer for answer in answers if answer[1:] != ([f"hook-of-{answer[0]}"], 202)] == []

    # The engine delivers through the same pool: each event once, and to its own tenant's address.
    sent = Counter(slug for slug, _, _ in answers)
    wait_until(lambda: len(receiver.requests) >= len(answers), "all events were delivered", 30)
    wait_until(lambda: site.query("SELECT count(*) FROM webhooks_due") == [(0,)], "the queue is empty", 30)
    assert Counter(request.path for request in receiver.requests) == {f"/{slug}": sent[slug] for slug in slugs}
    assert {(request.path, f"/{request.json()['of']}") for request in receiver.requests} == {
        (f"/{slug}", f"/{slug}") for slug in slugs
    }

    # And it was a pool: more clients than servers, and never a role or tenant left behind in one.
    assert _server_connections(site) <= POOL
    assert sum(client["database"] == site.database for client in pool.show("CLIENTS")) > POOL
    assert set(
        site.query("SELECT current_user::text, current_setting('sb.tenant', true) FROM generate_series(1, 9)")
    ) <= {
        (pool.server["user"], ""),
        (pool.server["user"], None),
    }


def test_refuses_our_startup_options_unless_told_to_ignore_them() -> None:
    with (
        PgBouncer(os.environ["DATABASE_URL"], pool_size=1, ignored="") as pool,
        pytest.raises(psycopg.OperationalError, match=r"unsupported startup parameter"),
    ):
        psycopg.connect(pool.url, options=OPTIONS)


def test_forgets_the_timeout_of_the_startup_options() -> None:
    """Why the how-to sets the timeout for the login, in PostgreSQL itself."""
    with (
        PgBouncer(os.environ["DATABASE_URL"], pool_size=1) as pool,
        psycopg.connect(pool.url, options=OPTIONS) as connection,
    ):
        assert connection.execute("SHOW idle_in_transaction_session_timeout").fetchone() == ("0",)


def _members(site: RunningSite, receiver: Receiver) -> dict[str, str]:
    """Make tenants with a webhook and a member each; return the members' access tokens by the tenants' slugs."""
    addresses = {f"tenant-{number}": receiver.url(f"/tenant-{number}") for number in range(TENANTS)}
    printed = site.python(
        "import json\n"
        "from integrations.activity.actor import Actor\n"
        "from integrations.authentication.tokens import issue_tokens\n"
        "from integrations.models import Membership, User\n"
        "from integrations.services.tenants import create_tenant\n"
        "from webhooks.services.webhooks import create_webhook\n"
        "actor = Actor.of(User.objects.get())\n"
        "tokens = {}\n"
        f"for slug, url in json.loads({json.dumps(json.dumps(addresses))}).items():\n"
        "    tenant = create_tenant(actor=actor, name=slug, slug=slug)\n"
        "    create_webhook(actor=actor, tenant=tenant, workflow_name=f'hook-of-{slug}', url=url, event_types=['*'])\n"
        "    user = User.objects.create_user(slug, f'{slug}@example.com', 'x')\n"
        "    Membership.objects.create(tenant=tenant, user=user, role='member')\n"
        "    tokens[slug] = issue_tokens(user=user).access\n"
        "print(json.dumps(tokens))\n"
    )
    return dict(printed)


def _server_connections(site: RunningSite) -> int:
    """Count, past pgbouncer, who is connected to the site's database."""
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as connection:
        row = connection.execute("SELECT count(*) FROM pg_stat_activity WHERE datname = %s", [site.database]).fetchone()
    assert row is not None
    return int(row[0])
