"""`…/webhooks/export` and `…/webhooks/import`."""

from __future__ import annotations

import json
from typing import Any

import pytest
from rest_framework.test import APIClient

from integrations.activity.actor import Actor
from integrations.models import ActivityLog, Tenant
from tests.webhooks.webhook_steps import HEADERS, TOKEN, URL, headers_of
from webhooks.models import Webhook
from webhooks.services.webhooks import create_webhook

pytestmark = pytest.mark.django_db

EXPORT = "/api/platform/tenants/acme/webhooks/export"
IMPORT = "/api/platform/tenants/acme/webhooks/import"
PASSPHRASE = "correct horse battery staple"


def import_path(tenant: Tenant) -> str:
    return f"/api/platform/tenants/{tenant.slug}/webhooks/import"


def verbs() -> list[str]:
    return list(ActivityLog.objects.order_by("id").values_list("verb", flat=True))


def document(*webhooks: dict[str, Any]) -> dict[str, Any]:
    return {"format": "signalbox.webhooks", "version": 1, "webhooks": list(webhooks)}


def test_exports_without_secrets(api: APIClient, webhook: Webhook) -> None:
    for answer in (api.get(EXPORT), api.get(EXPORT, {"file_format": "csv"})):
        assert answer.status_code == 200
        assert answer.headers["Cache-Control"] == "no-store"
        text = answer.content.decode()
        assert URL in text
        assert "X-Key" in text
        for secret in (TOKEN, *HEADERS.values(), webhook.signing_secret.reveal()):
            assert secret not in text
    assert verbs()[-2:] == ["webhooks.exported"] * 2


@pytest.mark.parametrize("file_format", ["json", "csv"])
def test_moves_webhooks_with_their_secrets_to_another_tenant(
    api: APIClient, webhook: Webhook, other_tenant: Tenant, file_format: str
) -> None:
    exported = api.post(EXPORT, {"file_format": file_format, "passphrase": PASSPHRASE})
    assert exported.status_code == 200, exported.content
    for secret in (TOKEN, *HEADERS.values()):
        assert secret not in exported.content.decode()
    body = {"data": exported.content, "content_type": exported.headers["Content-Type"]}
    headers = {"X-Signalbox-Passphrase": PASSPHRASE}
    answer = api.generic("POST", import_path(other_tenant), **body, headers=headers)
    assert (answer.status_code, answer.json()["created"]) == (200, 1)
    for secret in (TOKEN, *HEADERS.values(), webhook.signing_secret.reveal()):
        assert secret not in answer.content.decode()
    moved = Webhook.objects.get(tenant=other_tenant)
    assert moved.auth_token.reveal() == TOKEN
    assert headers_of(moved) == HEADERS
    assert moved.signing_secret.reveal() == webhook.signing_secret.reveal()
    again = api.generic("POST", import_path(other_tenant), **body, headers=headers)
    assert (again.json()["unchanged"], again.json()["updated"]) == (1, 0)


def test_refuses_a_wrong_passphrase_and_stores_nothing(api: APIClient, webhook: Webhook, other_tenant: Tenant) -> None:
    exported = api.post(EXPORT, {"passphrase": PASSPHRASE})
    answer = api.generic(
        "POST",
        import_path(other_tenant),
        exported.content,
        content_type="application/json",
        headers={"X-Signalbox-Passphrase": "a wrong passphrase"},
    )
    assert (answer.status_code, list(answer.json()["errors"])) == (422, ["rows[1].sealed"])
    assert Webhook.objects.filter(tenant=other_tenant).count() == 0


def test_says_what_a_file_would_do_and_does_nothing(api: APIClient, webhook: Webhook) -> None:
    file = document(
        {"workflow_name": "contact_form", "event_types": ["contact.*"], "header_names": ["X-Key", "X-New"]},
        {"workflow_name": "new_one", "url": "https://new.example.com/in"},
        {"workflow_name": "Bad Name", "url": "https://new.example.com/in"},
        {"workflow_name": "inside", "url": "https://192.168.1.1/in"},
    )
    before = verbs()
    answer = api.post(f"{IMPORT}?dry_run=true", file)
    assert answer.status_code == 200
    plan = answer.json()
    assert [plan[name] for name in ("applied", "created", "updated", "unchanged", "refused")] == [False, 1, 1, 0, 2]
    first, second, third, fourth = plan["rows"]
    assert first["changes"] == {"event_types": {"from": [], "to": ["contact.*"]}}
    assert first["notes"] == ["Its headers X-New come without values: enter them."]
    assert second["changes"]["url"] == {"from": None, "to": "https://new.example.com/in"}
    assert second["changes"]["signing_secret"] == "changed"
    assert (list(third["errors"]), list(fourth["errors"])) == (["workflow_name"], ["url"])
    assert Webhook.objects.get().event_types == []
    assert verbs() == before


def test_stores_nothing_when_one_row_is_wrong(api: APIClient, tenant: Tenant) -> None:
    good = {"workflow_name": "good", "url": URL}
    answer = api.post(IMPORT, document(good, {"workflow_name": "bad", "url": URL, "timeout_ms": 5}))
    assert (answer.status_code, list(answer.json()["errors"])) == (422, ["rows[2].timeout_ms"])
    assert Webhook.objects.count() == 0
    assert "webhooks.imported" not in verbs()


def test_changes_what_is_there_and_keeps_its_secrets(api: APIClient, webhook: Webhook, admin_actor: Actor) -> None:
    create_webhook(actor=admin_actor, tenant=webhook.tenant, workflow_name="other", url=URL)
    answer = api.generic(
        "POST",
        IMPORT,
        "workflow_name,description,is_active\r\ncontact_form,'=from the file,false\r\n",
        content_type="text/csv; charset=utf-8",
    )
    assert (answer.status_code, answer.json()["updated"]) == (200, 1)
    changed = Webhook.objects.get(id=webhook.id)
    assert (changed.description, changed.is_active, changed.url.reveal()) == ("=from the file", False, URL)
    assert changed.auth_token.reveal() == TOKEN
    assert Webhook.objects.count() == 2
    assert verbs()[-1] == "webhooks.imported"


@pytest.mark.parametrize(
    ("body", "content_type", "status", "named"),
    [
        ('{"format": "signalbox.web', "application/json", 400, None),
        ("{}", "application/json", 422, "file"),
        ('workflow_name\r\n"half', "text/csv", 422, "file"),
        ("workflow_name,url\r\na,=1+1\r\n", "text/csv", 422, "rows[2].url"),
        (b"workflow_name\r\n\xff", "text/csv", 400, None),
        ("<xml/>", "application/xml", 415, None),
    ],
)
def test_refuses_files_that_are_none(
    api: APIClient, tenant: Tenant, body: Any, content_type: str, status: int, named: str | None
) -> None:
    answer = api.generic("POST", IMPORT, body, content_type=content_type)
    assert answer.status_code == status, answer.content
    if named is not None:
        assert list(answer.json()["errors"]) == [named]
    assert Webhook.objects.count() == 0


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"passphrase": "short"}, "passphrase"),
        ({}, "passphrase"),
        ({"passphrase": PASSPHRASE, "file_format": "xml"}, "file_format"),
    ],
)
def test_refuses_an_export_that_would_not_be_safe(
    api: APIClient, tenant: Tenant, body: dict[str, str], field: str
) -> None:
    answer = api.post(EXPORT, body)
    assert (answer.status_code, list(answer.json()["errors"])) == (422, [field])


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"description": "a\0b"}, "webhooks[1].description"),
        ({"description": "a\ud800b"}, "webhooks[1].description"),
        ({"timeout_ms": 10**30}, "rows[2].timeout_ms"),
        ({"rate_limit_per_minute": -(10**30)}, "rows[2].rate_limit_per_minute"),
        ({"url": "https://example.com/\0"}, "webhooks[1].url"),
        ({"event_types": ["a\0b"]}, "webhooks[1].event_types[0]"),
        ({"payload_format": "fax"}, "rows[2].payload_format"),
        ({"signature_scheme": "\0"}, "webhooks[1].signature_scheme"),
        ({"description": "x" * 100_000}, "rows[2].description"),
    ],
    ids=["nul", "half", "huge", "negative", "url", "type", "format", "scheme", "long"],
)
def test_names_the_row_and_the_column_of_a_hostile_value(
    api: APIClient, tenant: Tenant, values: dict[str, Any], named: str
) -> None:
    body = json.dumps(document({"workflow_name": "good", "url": URL}, {"workflow_name": "bad", "url": URL, **values}))
    answer = api.generic("POST", IMPORT, body, content_type="application/json")
    assert (answer.status_code, list(answer.json().get("errors", {}))) == (422, [named])
    assert Webhook.objects.count() == 0


@pytest.mark.parametrize("kind", ["application/json", "text/csv"])
def test_refuses_more_than_two_mebibytes(api: APIClient, tenant: Tenant, kind: str) -> None:
    answer = api.generic("POST", IMPORT, json.dumps(document()) + " " * (2 * 1024 * 1024), content_type=kind)
    assert (answer.status_code, answer.json()["errors"]) == (422, {"file": ["The file is larger than 2 MiB."]})


def test_takes_a_passphrase_in_any_language(api: APIClient, webhook: Webhook, other_tenant: Tenant) -> None:
    passphrase = "größere Zusammenhänge"
    exported = api.post(EXPORT, {"passphrase": passphrase})
    headers = {"X-Signalbox-Passphrase": passphrase.encode().decode("latin-1")}  # as a server hands it on
    answer = api.generic(
        "POST", import_path(other_tenant), exported.content, content_type="application/json", headers=headers
    )
    assert (answer.status_code, answer.json()["created"]) == (200, 1)


def test_says_that_sealed_secrets_are_left_out_without_the_passphrase(
    api: APIClient, webhook: Webhook, other_tenant: Tenant
) -> None:
    exported = api.post(EXPORT, {"passphrase": PASSPHRASE})
    answer = api.generic("POST", import_path(other_tenant), exported.content, content_type="application/json")
    (row,) = answer.json()["rows"]
    assert "Its sealed secrets are left out: give the passphrase to take them over." in row["notes"]
    assert Webhook.objects.get(tenant=other_tenant).auth_token is None
