from __future__ import annotations

import pytest
from django.utils import timezone

from integrations import tenant_data
from integrations.authentication.tokens import issue_tokens
from integrations.models import (
    ActivityLog,
    APIKey,
    APIKeyUsage,
    DataKey,
    IdempotencyAnswer,
    Membership,
    RefreshSession,
    Tenant,
    User,
)
from integrations.services.idempotency import claim
from integrations.tenant_data import owner
from integrations.tenant_data_owners import tenant_data_owners

# Tables of which these tests have no rows.
EMPTY = [
    "integrations_credentialversion",
    "integrations_idempotencyanswer",
    "integrations_invitation",
    "integrations_oauthgrant",
    "integrations_oauthstate",
    "integrations_provideractionlease",
    "integrations_provideractionstate",
]


@pytest.fixture
def populated(tenant: Tenant, other_tenant: Tenant) -> None:
    for number, of in enumerate([tenant, tenant, other_tenant]):
        user = User.objects.create_user(f"member{number}")
        issue_tokens(user=user)
        Membership.objects.create(tenant=of, user=user)
        key = APIKey.objects.create(tenant=of, name="x", key_prefix=f"sb_live_{number}", scopes=["*"])
        APIKeyUsage.objects.create(tenant_id=of.id, api_key_id=key.id, hour=timezone.now())


def test_counts_and_deletes_one_tenants_rows(
    populated: None, tenant: Tenant, other_tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tenant_data, "BATCH", 1)
    expected = {
        **dict.fromkeys(EMPTY, 0),
        "integrations_apikeyusage": 2,
        "integrations_apikey": 2,
        "integrations_integration": 0,
        "integrations_membership": 2,
        "integrations_activitylog": 1,
        "integrations_datakey": 1,
    }

    assert owner.count(tenant.id) == expected
    assert owner.delete(tenant.id) == expected
    assert set(owner.count(tenant.id).values()) == {0}
    assert owner.delete(tenant.id) == dict.fromkeys(expected, 0)

    assert Membership.objects.get().tenant == other_tenant
    assert ActivityLog.objects.get().tenant_id == other_tenant.id
    assert DataKey.objects.get().tenant == other_tenant
    assert Tenant.objects.count() == 2
    assert User.objects.filter(username__startswith="member").count() == 3


def test_deletes_everything_but_the_platform_and_its_people(
    populated: None, platform_admin: User, tenant: Tenant
) -> None:
    User.objects.create_user("helper", platform_role="auditor")
    issue_tokens(user=platform_admin)
    expected = {
        **dict.fromkeys(EMPTY, 0),
        "integrations_apikeyusage": 3,
        "integrations_apikey": 3,
        "integrations_integration": 0,
        "integrations_membership": 3,
        "integrations_activitylog": 2,
        "integrations_datakey": 2,
        "integrations_tenant": 2,
        "integrations_user": 3,
    }

    assert owner.count(None) == expected
    assert owner.delete(None) == expected

    assert set(User.objects.values_list("username", flat=True)) == {"ada", "helper"}
    assert RefreshSession.objects.get().user == platform_admin


def test_keeps_the_platforms_own_entries(tenant: Tenant) -> None:
    ActivityLog.objects.create(actor_kind="system", actor_name="x", verb="platform.reset", object_kind="platform")

    owner.delete(None)

    assert [entry.verb for entry in ActivityLog.objects.all()] == ["platform.reset"]


def test_every_declared_owner_fulfils_the_port(tenant: Tenant) -> None:
    """Deleting a tenant calls these by dotted path: a typing mistake would only show then."""
    for declared in tenant_data_owners():
        counted = declared.count(tenant.id)
        assert declared.delete(tenant.id).keys() == counted.keys()
        assert all(isinstance(rows, int) for rows in counted.values())
        declared.stop(tenant.id)


def test_the_rooms_name_their_tables_once() -> None:
    assert tenant_data_owners()[-1] is owner  # other rooms' rows refer to these


def test_every_table_of_a_tenant_has_an_owner(db: None) -> None:
    from django.apps import apps

    owned = {table for declared in tenant_data_owners() for table in declared.count(None)}
    of_tenants = {
        model._meta.db_table
        for model in apps.get_models()
        if any(field.attname == "tenant_id" for field in model._meta.concrete_fields)
    }

    assert of_tenants <= owned


def test_forgets_a_tenants_idempotency_keys_and_keeps_the_platforms_own(tenant: Tenant, other_tenant: Tenant) -> None:
    for tenant_id in (tenant.id, other_tenant.id, None):
        claim(tenant_id=tenant_id, audience="platform", key="k", fingerprint="f")

    assert owner.delete(tenant.id)["integrations_idempotencyanswer"] == 1
    assert owner.delete(None)["integrations_idempotencyanswer"] == 1
    assert IdempotencyAnswer.objects.get().tenant_id is None
