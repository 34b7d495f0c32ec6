"""Every operation at `/api/v1` against everybody who may try it: who is refused changes nothing, who may is let in."""

from __future__ import annotations

import pytest
from rest_framework.renderers import JSONRenderer

from integrations.api.tenancy import TenantMixin
from integrations.models import Role
from integrations.scopes import ALL, ROLE_SCOPES, Scope, meets
from integrations.services.integration_items import add_integration
from integrations.services.integration_sharing import share_integration
from tests.api.conftest import Ask
from tests.api.contents import contents
from tests.api.credentials import Doors, refused, token_of
from tests.api.objects import N8N, make_member, make_objects
from tests.api.operations import Operation, tenant_operations, tenant_views

OPERATIONS = tenant_operations()
# The documents of the API, which hold nothing of a tenant.
OPEN_ADDRESSES = {"/api/v1/openapi.json", "/api/v1/docs"}
# Who decides about a role or an invitation has to have what it gives.
WITH_ALL_SCOPES = {
    "POST members",
    "PATCH members/{member}",
    "DELETE members/{member}",
    "POST invitations/{invitation}/resend",
    "DELETE invitations/{invitation}",
}
# A key is nobody's membership. And a member does to the tenant's integrations less than to their own.
WITH_RULES_OF_THEIR_OWN = {
    ("key", "GET members/me"): 404,
    ("key", "DELETE members/me"): 404,
    ("member", "POST integrations"): 403,
    ("member", "PUT integrations/{integration}"): 403,
    ("member", "PATCH integrations/{integration}"): 403,
    ("member", "DELETE integrations/{integration}"): 403,
    ("member", "GET integrations/{integration}/logs"): 403,
    ("member", "POST integrations/{integration}/test"): 403,
    ("member", "POST integrations/{integration}/activate"): 403,
    ("member", "POST integrations/{integration}/deactivate"): 403,
    ("member", "POST integrations/{integration}/rotate"): 403,
    ("member", "GET integrations/{integration}/versions"): 403,
    ("member", "POST integrations/{integration}/versions/{version}/restore"): 403,
    ("member", "POST oauth/{provider}/start"): 403,
    # The tenant's is nobody's to share, and nobody shared it.
    ("key", "POST integrations/{integration}/share"): 409,
    ("owner", "POST integrations/{integration}/share"): 409,
    ("member", "POST integrations/{integration}/share"): 403,
    ("key", "POST integrations/{integration}/unshare"): 409,
    ("owner", "POST integrations/{integration}/unshare"): 409,
    ("member", "POST integrations/{integration}/unshare"): 403,
}
ALLOWED = [
    (caller, operation)
    for operation in OPERATIONS
    for caller in ("key", "owner", "member")
    if operation.needed
    if caller != "member" or meets(ROLE_SCOPES[Role.MEMBER], operation.needed)
]

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("operation", OPERATIONS, ids=str)
def test_refuses_everybody_else_and_changes_nothing(operation: Operation, doors: Doors, ask: Ask) -> None:
    path = _path(operation, doors)
    expected = refused(operation, doors)
    before = contents()

    answers = {name: ask(operation, path, headers) for name, (_, headers) in expected.items()}

    assert {name: answer.status_code for name, answer in answers.items()} == {
        name: status for name, (status, _) in expected.items()
    }
    assert {answer.headers["Content-Type"] for answer in answers.values()} == {"application/problem+json"}
    assert contents() == before


@pytest.mark.parametrize(("caller", "operation"), ALLOWED, ids=lambda each: str(each))
def test_lets_in_who_may(caller: str, operation: Operation, doors: Doors, ask: Ask) -> None:
    make_member(doors.tenant, doors.actor, Role.OWNER)  # so that another one may leave
    if caller == "key":
        headers = doors.key({ALL} if str(operation) in WITH_ALL_SCOPES else operation.scopes or {Scope.EVENTS_WRITE})
    else:
        headers = doors.member(Role(caller))

    answer = ask(operation, _path(operation, doors), headers)

    if (caller, str(operation)) in WITH_RULES_OF_THEIR_OWN:
        assert answer.status_code == WITH_RULES_OF_THEIR_OWN[caller, str(operation)]
    else:
        assert 200 <= answer.status_code < 300, answer.content


@pytest.mark.parametrize("operation", [each for each in OPERATIONS if "integration" in each.parameters], ids=str)
def test_lets_members_do_everything_with_their_own(operation: Operation, doors: Doors, ask: Ask) -> None:
    member = make_member(doors.tenant, doors.actor)
    own = add_integration(actor=doors.actor, tenant=doors.tenant, provider="n8n", values=N8N, owner=member)

    if operation.route.endswith("/unshare"):
        share_integration(actor=doors.actor, integration=own, may_fill_slot=False)

    further = [name for name in operation.parameters if name != "integration"]
    others = make_objects(further, doors.tenant, doors.actor)
    answer = ask(operation, operation.path({"integration": str(own.id), **others}), token_of(member.user))

    assert 200 <= answer.status_code < 300, answer.content


def test_knows_every_address_of_tenants() -> None:
    """A view that is no `TenantMixin` has neither tenant nor guard."""
    strangers = {route for route, view in tenant_views() if not issubclass(view, TenantMixin)}

    assert strangers == OPEN_ADDRESSES


@pytest.mark.parametrize("route", sorted({operation.route for operation in OPERATIONS}))
def test_renders_json_only(route: str) -> None:
    # The browsable API renders forms after the view, whose selects offer what they find.
    view = dict(tenant_views())[route]

    assert {type(renderer) for renderer in view().get_renderers()} == {JSONRenderer}


def _path(operation: Operation, doors: Doors) -> str:
    return operation.path(make_objects(operation.parameters, doors.tenant, doors.actor))
