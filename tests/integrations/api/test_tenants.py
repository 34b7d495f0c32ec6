"""`/api/platform/tenants`."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from rest_framework.test import APIClient

from integrations.models import ActivityLog, Tenant
from integrations.services.tenants import sweep_deleted_tenants

TENANTS = "/api/platform/tenants"
MakeTenant = Callable[..., Tenant]


def names(api: APIClient, query: str = "") -> list[str]:
    response = api.get(f"{TENANTS}?{query}")
    assert response.status_code == 200, response.content
    return [tenant["name"] for tenant in response.json()["results"]]


def test_creates_a_tenant(api: APIClient) -> None:
    response = api.post(TENANTS, {"name": "Acme GmbH", "slug": "acme"})

    tenant = Tenant.objects.get()
    assert response.status_code == 201
    assert response.json() == {
        "id": str(tenant.id),
        "name": "Acme GmbH",
        "slug": "acme",
        "is_active": True,
        "created_at": tenant.created_at.isoformat().replace("+00:00", "Z"),
        "updated_at": tenant.updated_at.isoformat().replace("+00:00", "Z"),
    }


def test_creates_an_inactive_tenant(api: APIClient) -> None:
    assert api.post(TENANTS, {"name": "A", "slug": "a", "is_active": False}).json()["is_active"] is False


@pytest.mark.parametrize(
    ("body", "errors"),
    [
        ({}, {"name": "This field is required.", "slug": "This field is required."}),
        ({"name": "", "slug": "a"}, {"name": "This field may not be blank."}),
        ({"name": None, "slug": "a"}, {"name": "This field may not be null."}),
        ({"name": [], "slug": "a"}, {"name": "Not a valid string."}),
        ({"name": "x" * 201, "slug": "a"}, {"name": "Ensure this field has no more than 200 characters."}),
        ({"name": "A", "slug": "A!"}, {"slug": "Use lower-case letters, digits and inner hyphens."}),
        ({"name": "A", "slug": "a" * 64}, {"slug": "Use lower-case letters, digits and inner hyphens."}),
        ({"name": "A", "slug": "0" * 32}, {"slug": "Must not read as a UUID: paths take the id or the slug."}),
        ({"name": "A", "slug": "a", "is_active": "perhaps"}, {"is_active": "Must be a valid boolean."}),
        ({"name": "A", "slug": "a", "deleted_at": None}, {"deleted_at": "There is no such field. Allowed: name, slug, is_active."}),
    ],
)  # fmt: skip
def test_answers_422_naming_each_wrong_field(api: APIClient, body: object, errors: dict[str, str]) -> None:
    response = api.post(TENANTS, body)

    assert response.status_code == 422
    first_reasons = {field: reasons[0] for field, reasons in response.json()["errors"].items()}
    assert first_reasons == errors
    assert not Tenant.objects.exists()


def test_answers_409_when_the_slug_is_taken(api: APIClient, tenant: Tenant) -> None:
    response = api.post(TENANTS, {"name": "Second", "slug": "acme"})

    assert response.status_code == 409
    assert response.json()["detail"] == "Another tenant has the slug acme."
    assert Tenant.objects.count() == 1


def test_shows_a_tenant_by_id_and_by_slug(api: APIClient, tenant: Tenant) -> None:
    by_id = api.get(f"{TENANTS}/{tenant.id}")
    by_slug = api.get(f"{TENANTS}/acme")

    assert by_id.status_code == by_slug.status_code == 200
    assert by_id.json() == by_slug.json()
    assert by_id.json()["slug"] == "acme"


def test_changes_a_tenant(api: APIClient, tenant: Tenant) -> None:
    response = api.patch(f"{TENANTS}/acme", {"name": "Acme AG", "is_active": False})

    assert response.status_code == 200
    assert (response.json()["name"], response.json()["is_active"]) == ("Acme AG", False)
    assert Tenant.objects.get().name == "Acme AG"


def test_answers_an_empty_change_with_the_tenant_as_it_is(api: APIClient, tenant: Tenant) -> None:
    response = api.patch(f"{TENANTS}/acme", {})

    assert (response.status_code, response.json()["name"]) == (200, "Acme")
    assert ActivityLog.objects.count() == 1


@pytest.mark.parametrize("slug", ["other", "acme", ""])
def test_answers_422_when_the_slug_is_to_change(api: APIClient, tenant: Tenant, slug: str) -> None:
    response = api.patch(f"{TENANTS}/acme", {"slug": slug, "name": "Other"})

    assert response.status_code == 422
    assert response.json()["errors"] == {"slug": ["This field cannot be written."]}
    assert Tenant.objects.get().name == "Acme"


def test_deletes_a_tenant_at_once(api: APIClient, tenant: Tenant) -> None:
    response = api.delete(f"{TENANTS}/acme")

    assert (response.status_code, response.content) == (204, b"")
    assert names(api) == []
    for path in (f"{TENANTS}/acme", f"{TENANTS}/{tenant.id}"):
        assert api.get(path).status_code == 404
        assert api.patch(path, {"name": "Back"}).status_code == 404
        assert api.delete(path).status_code == 404
    assert api.post(TENANTS, {"name": "Next", "slug": "acme"}).status_code == 201


def test_sweeping_leaves_a_new_tenant_of_the_same_slug_alone(api: APIClient, tenant: Tenant) -> None:
    api.delete(f"{TENANTS}/acme")
    api.post(TENANTS, {"name": "Next", "slug": "acme"})

    sweep_deleted_tenants()

    assert names(api) == ["Next"]


def test_lists_in_pages(api: APIClient, make_tenant: MakeTenant) -> None:
    for number in range(5):
        make_tenant(f"Tenant {number}", f"t{number}")

    first = api.get(f"{TENANTS}?page_size=2").json()
    assert (first["count"], first["previous"]) == (5, None)
    assert [tenant["slug"] for tenant in first["results"]] == ["t0", "t1"]

    last = api.get(first["next"].replace("page=2", "page=3")).json()
    assert ([tenant["slug"] for tenant in last["results"]], last["next"]) == (["t4"], None)
    assert last["previous"] == first["next"]


def test_filters_and_searches(api: APIClient, make_tenant: MakeTenant) -> None:
    make_tenant("Acme GmbH", "acme")
    make_tenant("Bolt", "bolt-de")
    api.patch(f"{TENANTS}/bolt-de", {"is_active": False})

    assert names(api, "is_active=true") == ["Acme GmbH"]
    assert names(api, "is_active=FALSE") == ["Bolt"]
    assert names(api, "is_active=") == ["Acme GmbH", "Bolt"]
    assert names(api, "search=gmb") == ["Acme GmbH"]
    assert names(api, "search=-DE") == ["Bolt"]
    assert names(api, "search=%25") == []
    assert names(api, "search=acme&is_active=false") == []


def test_orders(api: APIClient, make_tenant: MakeTenant) -> None:
    make_tenant("Same", "b")
    make_tenant("Same", "a")
    make_tenant("Alpha", "c")

    assert names(api) == ["Alpha", "Same", "Same"]
    slugs = [tenant["slug"] for tenant in api.get(f"{TENANTS}?ordering=-name").json()["results"]]
    assert slugs == ["b", "a", "c"]  # equal names by id
    assert names(api, "ordering=slug") == ["Same", "Same", "Alpha"]


def test_issues_as_many_queries_for_30_rows_as_for_3(api: APIClient, make_tenant: MakeTenant) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            names(api)
        return len(captured)

    for number in range(3):
        make_tenant(f"Tenant {number}", f"t{number}")
    few = queries()
    for number in range(3, 30):
        make_tenant(f"Tenant {number}", f"t{number}")

    assert queries() == few == 3  # the user, the count, the rows
