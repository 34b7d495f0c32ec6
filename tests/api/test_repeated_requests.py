"""Every POST sent twice with one `Idempotency-Key`, and every update of a version that is no more."""

from __future__ import annotations

import re

import pytest

from integrations.api.audience import Audience
from integrations.api.documents import document
from integrations.api.idempotency import remembers
from integrations.api.preconditions import takes_condition
from integrations.scopes import ALL
from tests.api.conftest import Ask
from tests.api.contents import contents
from tests.api.credentials import Doors
from tests.api.objects import make_objects
from tests.api.operations import Operation, tenant_operations, tenant_views

VIEWS = dict(tenant_views())
# A key has nothing of its own to share, and takes nothing back: 409 (`test_integration_sharing`).
REFUSED = {"POST integrations/{integration}/share", "POST integrations/{integration}/unshare"}
POSTS = [
    operation
    for operation in tenant_operations()
    if remembers(VIEWS[operation.route](), operation.method) and str(operation) not in REFUSED
]
UPDATES = [
    operation for operation in tenant_operations() if takes_condition(VIEWS[operation.route](), operation.method)
]
# What an answer shows once.
SHOWN_ONCE = {"link", "secret", "setup", "signing_secret", "public_key", "previous_secret_expires_at"}

pytestmark = pytest.mark.django_db


def nullable(operation: Operation, status: int) -> set[str]:
    """Return the members of an answer that may be null according to the OpenAPI document."""
    described = document(Audience.TENANT)
    path = re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", operation.route)
    answer = described["paths"][path][operation.method.lower()]["responses"][str(status)]
    name = answer["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
    fields = described["components"]["schemas"][name].get("properties", {})
    return {field for field, schema in fields.items() if schema.get("nullable")}


@pytest.mark.parametrize("operation", POSTS, ids=str)
def test_a_repeated_post_does_nothing_and_answers_with_the_object(operation: Operation, doors: Doors, ask: Ask) -> None:
    path = operation.path(make_objects(operation.parameters, doors.tenant, doors.actor))
    headers = {**doors.key({ALL}), "HTTP_IDEMPOTENCY_KEY": "once"}
    first = ask(operation, path, headers)
    before = contents()
    again = ask(operation, path, headers)

    assert 200 <= first.status_code < 300, first.content
    assert (again.status_code, again["Idempotency-Replayed"]) == (first.status_code, "true")
    assert contents() == before
    if not first.content:
        assert not again.content
        return
    changed = {name for name, value in again.json().items() if value != first.json()[name]}
    assert list(again.json()) == list(first.json())
    missing = {name for name in changed if again.json()[name] is None}
    assert missing <= SHOWN_ONCE
    assert missing <= nullable(operation, first.status_code), "The document must say that these may be null."
    assert {name for name in changed if again.json()[name] is not None} <= {"updated_at"}, changed


@pytest.mark.parametrize("operation", UPDATES, ids=str)
def test_an_update_of_a_version_that_is_no_more_changes_nothing(operation: Operation, doors: Doors, ask: Ask) -> None:
    path = operation.path(make_objects(operation.parameters, doors.tenant, doors.actor))
    headers = {**doors.key({ALL}), "HTTP_IF_MATCH": '"999999"'}
    before = contents()

    answer = ask(operation, path, headers)
    assert answer.status_code == 412, answer.content
    assert contents() == before
