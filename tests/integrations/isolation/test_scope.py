from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any
from uuid import UUID

import pytest
from django.conf import settings
from django.db import DataError, IntegrityError, connection, transaction
from django.db.transaction import TransactionManagementError
from django.test.utils import CaptureQueriesContext

from integrations.ids import uuid7
from integrations.isolation.scope import ScopeConflictError, current_tenant_id, tenant_scope
from integrations.models import Membership, Tenant
from tests.integrations.isolation.rows import insert_row, make_tenant_row


class _RefusedError(Exception):
    pass


@pytest.fixture
def tenant_id(db: None) -> UUID:
    return make_tenant_row()


@pytest.fixture
def committed_tenant_id(transactional_db: None) -> UUID:
    return make_tenant_row()


def _promote_and_fail() -> None:
    Membership.objects.update(role="owner")
    raise _RefusedError


def _fail_and_carry_on() -> None:
    with suppress(DataError), connection.cursor() as cursor:
        cursor.execute("SELECT 1 / 0")


def _session() -> tuple[str, str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('role'), coalesce(current_setting('sb.tenant', true), '')")
        role, tenant = cursor.fetchone()
        return role, tenant


def test_sets_role_and_tenant_for_the_block_alone(committed_tenant_id: UUID) -> None:
    assert _session() == ("none", "")
    with tenant_scope(committed_tenant_id):
        assert _session() == (settings.TENANT_ROLE, str(committed_tenant_id))
        assert current_tenant_id() == committed_tenant_id
        assert connection.in_atomic_block
    assert _session() == ("none", "")
    assert current_tenant_id() is None
    assert not connection.in_atomic_block


def test_takes_a_tenant_as_well_as_its_id(tenant_id: UUID) -> None:
    with tenant_scope(Tenant.objects.get(id=tenant_id)):
        assert current_tenant_id() == tenant_id


def test_commits_what_was_written(committed_tenant_id: UUID) -> None:
    row = insert_row(Membership, committed_tenant_id)
    with tenant_scope(committed_tenant_id):
        Membership.objects.filter(id=row["id"]).update(role="owner")

    assert Membership.objects.get(id=row["id"]).role == "owner"


def test_gives_the_owners_role_back_within_an_outer_transaction(tenant_id: UUID) -> None:
    other = make_tenant_row()
    with transaction.atomic():
        with tenant_scope(tenant_id):
            assert Tenant.objects.count() == 1
        assert _session() == ("none", "")
        assert Tenant.objects.filter(id__in=[tenant_id, other]).count() == 2


@pytest.mark.parametrize("outer", [True, False])
def test_gives_the_owners_role_back_when_the_block_fails(committed_tenant_id: UUID, outer: bool) -> None:
    row = insert_row(Membership, committed_tenant_id)

    def fail() -> None:
        with pytest.raises(_RefusedError), tenant_scope(committed_tenant_id):
            _promote_and_fail()
        assert _session() == ("none", "")
        assert current_tenant_id() is None

    if outer:
        with transaction.atomic():
            fail()
    else:
        fail()
    assert Membership.objects.get(id=row["id"]).role != "owner"


def test_gives_the_owners_role_back_when_the_database_refuses(tenant_id: UUID) -> None:
    row = insert_row(Membership, tenant_id)
    with transaction.atomic():
        with pytest.raises(IntegrityError), tenant_scope(tenant_id):
            Membership.objects.create(tenant_id=tenant_id, user_id=row["user_id"])
        assert _session() == ("none", "")
        assert Membership.objects.filter(id=row["id"]).exists()


def test_gives_the_owners_role_back_when_the_block_asked_for_a_rollback(tenant_id: UUID) -> None:
    row = insert_row(Membership, tenant_id)
    with transaction.atomic():
        with tenant_scope(tenant_id):
            Membership.objects.update(role="owner")
            transaction.set_rollback(True)
        assert _session() == ("none", "")
        assert Membership.objects.get(id=row["id"]).role != "owner"


def test_nests_for_the_same_tenant(tenant_id: UUID) -> None:
    row = insert_row(Membership, tenant_id)
    with tenant_scope(tenant_id):
        with pytest.raises(_RefusedError), tenant_scope(tenant_id):
            _promote_and_fail()
        assert _session() == (settings.TENANT_ROLE, str(tenant_id))
        assert current_tenant_id() == tenant_id
        assert Membership.objects.get(id=row["id"]).role != "owner"
    assert current_tenant_id() is None


def test_refuses_another_tenant_inside(tenant_id: UUID) -> None:
    other = make_tenant_row()
    with tenant_scope(tenant_id):
        with pytest.raises(ScopeConflictError, match=str(other)), tenant_scope(other):
            pass
        assert Tenant.objects.get().id == tenant_id


def test_opens_one_tenant_after_another(tenant_id: UUID) -> None:
    other = make_tenant_row()
    for each in (tenant_id, other, tenant_id):
        with tenant_scope(each):
            assert Tenant.objects.get().id == each


@pytest.mark.parametrize("wrong", ["acme", None, 7])
def test_refuses_what_is_no_tenant(wrong: Any) -> None:
    with pytest.raises(TypeError, match="needs a tenant or its UUID"), tenant_scope(wrong):
        pass


def test_refuses_to_lose_the_work_of_a_block_that_swallowed_an_sql_error(committed_tenant_id: UUID) -> None:
    row = insert_row(Membership, committed_tenant_id)
    with pytest.raises(TransactionManagementError, match="caught inside"), tenant_scope(committed_tenant_id):
        _fail_and_carry_on()
    assert _session() == ("none", "")
    assert Membership.objects.filter(id=row["id"]).exists()


def test_says_so_when_the_connection_was_closed_inside(committed_tenant_id: UUID) -> None:
    with pytest.raises(TransactionManagementError, match="closed inside"), tenant_scope(committed_tenant_id):
        connection.close()
    assert current_tenant_id() is None
    assert _session() == ("none", "")


def test_runs_commit_callbacks_outside_of_the_scope(committed_tenant_id: UUID) -> None:
    seen: list[tuple[UUID | None, str]] = []
    with tenant_scope(committed_tenant_id):
        transaction.on_commit(lambda: seen.append((current_tenant_id(), _session()[0])))
    assert seen == [(None, "none")]


def test_keeps_the_tenants_of_concurrent_threads_apart(transactional_db: None) -> None:
    tenants = [make_tenant_row() for _ in range(4)]
    start = threading.Barrier(4)

    def unit_of_work(tenant_id: UUID) -> tuple[UUID, list[UUID]]:
        with tenant_scope(tenant_id):
            return tenant_id, list(Tenant.objects.values_list("id", flat=True))

    def request_thread(number: int) -> list[tuple[UUID, list[UUID]]]:
        start.wait(timeout=10)
        try:
            return [unit_of_work(tenants[(number + turn) % 4]) for turn in range(30)]
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        seen = [pair for pairs in pool.map(request_thread, range(4)) for pair in pairs]

    assert len(seen) == 120
    assert [pair for pair in seen if pair[1] != [pair[0]]] == []


def test_costs_no_statement_beside_the_transaction(committed_tenant_id: UUID) -> None:
    with CaptureQueriesContext(connection) as queries, tenant_scope(committed_tenant_id):
        pass

    assert [query["sql"].split()[0] for query in queries] == ["BEGIN", "COMMIT"]


def test_sees_nothing_for_an_unknown_tenant(tenant_id: UUID) -> None:
    with tenant_scope(uuid7()):
        assert Tenant.objects.count() == 0
