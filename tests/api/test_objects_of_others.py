"""An object of another tenant is not there, in whatever way it is named: 404, the same as for one that never was."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from integrations.models import Role, Tenant
from integrations.scopes import ALL
from tests.api.conftest import Ask
from tests.api.contents import contents
from tests.api.credentials import Doors
from tests.api.objects import PERSONAL_OBJECTS, SAME_FOR_ALL, make_objects, names_of
from tests.api.operations import Operation, tenant_operations

OPERATIONS = [operation for operation in tenant_operations() if set(operation.parameters) - SAME_FOR_ALL]
ON_PERSONAL = [each for each in OPERATIONS if set(each.parameters) - SAME_FOR_ALL <= PERSONAL_OBJECTS.keys()]

# What a path says of a kind of thing, which is no secret, and not of an object.
KINDS = {"slot", *SAME_FOR_ALL}

pytestmark = pytest.mark.django_db


@pytest.mark.usefixtures("filters")
@pytest.mark.parametrize("operation", OPERATIONS, ids=str)
def test_finds_no_object_of_another_tenant(operation: Operation, doors: Doors, ask: Ask) -> None:
    callers = {"key": doors.key([ALL], doors.other), "owner": doors.member(Role.OWNER, doors.other)}
    paths = _paths(operation, theirs=doors.tenant, mine=doors.other, doors=doors)
    before = contents()

    answers = {(who, path): ask(operation, path, headers) for who, headers in callers.items() for path in paths}

    assert {name: answer.status_code for name, answer in answers.items()} == dict.fromkeys(answers, 404)
    assert contents() == before


@pytest.mark.parametrize("operation", [each for each in OPERATIONS if each.platform_route], ids=str)
def test_finds_no_object_of_another_tenant_for_platform_admins_who_name_the_wrong_one(
    operation: Operation, doors: Doors, ask: Ask, api: Any
) -> None:
    values = make_objects(operation.parameters, doors.tenant, doors.actor)
    path = operation.path(values, below=doors.other.slug)
    before = contents()

    answer = ask(operation, path, {"HTTP_AUTHORIZATION": api._credentials["HTTP_AUTHORIZATION"]})

    assert answer.status_code == 404
    assert contents() == before


@pytest.mark.parametrize("operation", OPERATIONS, ids=str)
def test_tells_nothing_of_what_exists_elsewhere(operation: Operation, doors: Doors, ask: Ask) -> None:
    headers = doors.key([ALL], doors.other)
    theirs = make_objects(operation.parameters, doors.tenant, doors.actor)
    nobodys = {name: theirs[name] if name in KINDS else str(uuid4()) for name in operation.parameters}

    answers = [_telling(ask(operation, operation.path(values), headers)) for values in (theirs, nobodys)]

    # What the caller said is said back; that is all in which the answers differ.
    assert _without(answers[0], theirs) == _without(answers[1], nobodys)


@pytest.mark.parametrize("operation", ON_PERSONAL, ids=str)
def test_finds_no_object_of_another_member(operation: Operation, doors: Doors, ask: Ask) -> None:
    same = make_objects(SAME_FOR_ALL, doors.tenant, doors.actor)
    own = {name: make(doors.tenant, doors.actor)[0] for name, make in PERSONAL_OBJECTS.items()}
    values = {name: {**same, **own}[name] for name in operation.parameters}
    callers = {"key": doors.key([ALL]), **{role: doors.member(role) for role in Role}}
    before = contents()

    answers = {who: ask(operation, operation.path(values), headers).status_code for who, headers in callers.items()}

    assert answers == dict.fromkeys(callers, 404)
    assert contents() == before


def _paths(operation: Operation, *, theirs: Tenant, mine: Tenant, doors: Doors) -> list[str]:
    """Return the operation's paths with one object of theirs in each, by every name it goes by, the others being mine."""
    own = make_objects(operation.parameters, mine, doors.actor) if len(operation.parameters) > 1 else {}
    return [
        operation.path({**own, name: reference})
        for name in operation.parameters
        if name not in SAME_FOR_ALL
        for reference in names_of(name, theirs, doors.actor)
    ]


def _telling(answer: Any) -> str:
    body = {name: value for name, value in answer.json().items() if name not in {"request_id", "instance"}}
    return f"{answer.status_code} {sorted(body.items())}"


def _without(text: str, said: dict[str, str]) -> str:
    for value in said.values():
        text = text.replace(value, "…")
    return text
