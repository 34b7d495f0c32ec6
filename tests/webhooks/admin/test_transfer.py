"""Export and import in the admin: a download, a dry run that shows what would happen, all of it or nothing."""

from __future__ import annotations

import json
from typing import Any

import pytest
import time_machine
from django.core import signing
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from integrations.activity.actor import Actor
from integrations.models import ActivityLog, Tenant, User
from integrations.platform_roles import PlatformRole
from tests.webhooks.webhook_steps import HEADERS, TOKEN, URL, headers_of
from webhooks.models import Webhook
from webhooks.services.exporting import export_webhooks

pytestmark = pytest.mark.django_db

LIST = "/admin/webhooks/webhook/"
EXPORT = f"{LIST}export/"
IMPORT = f"{LIST}import/"
APPLY = f"{LIST}import/apply/"
PASSPHRASE = "correct horse battery staple"


@pytest.fixture
def admin_client(platform_admin: User) -> Client:
    client = Client()
    client.force_login(platform_admin)
    return client


def document(*webhooks: dict[str, Any]) -> str:
    return json.dumps({"format": "signalbox.webhooks", "version": 1, "webhooks": list(webhooks)})


def upload(
    client: Client, tenant: Tenant, content: str | bytes, *, name: str = "hooks.json", passphrase: str = ""
) -> Any:
    raw = content.encode() if isinstance(content, str) else content
    fields = {"tenant": str(tenant.pk), "passphrase": passphrase, "file": SimpleUploadedFile(name, raw)}
    return client.post(IMPORT, fields)


def waiting(answer: Any) -> str:
    return str(answer.context["confirm"].initial["waiting"])


def imports() -> int:
    return ActivityLog.objects.filter(verb="webhooks.imported").count()


def test_list_leads_to_export_and_import(admin_client: Client) -> None:
    text = admin_client.get(LIST).content.decode()
    assert EXPORT in text
    assert IMPORT in text
    for address in (EXPORT, IMPORT):
        assert admin_client.get(address).status_code == 200


@pytest.mark.parametrize(("file_format", "content_type"), [("json", "application/json"), ("csv", "text/csv")])
def test_export_answers_a_file_without_secrets(
    admin_client: Client, webhook: Webhook, file_format: str, content_type: str
) -> None:
    answer = admin_client.post(
        EXPORT, {"tenant": str(webhook.tenant_id), "file_format": file_format, "passphrase": "", "repeated": ""}
    )
    assert answer["Content-Type"].startswith(content_type)
    assert answer["Content-Disposition"] == f'attachment; filename="webhooks-acme.{file_format}"'
    assert "no-store" in answer["Cache-Control"]
    text = answer.content.decode()
    assert URL in text
    for secret in (TOKEN, *HEADERS.values(), webhook.signing_secret.reveal(), "sealed"):
        assert secret not in text or (secret == "sealed" and file_format == "csv")


@pytest.mark.parametrize(
    ("passphrase", "repeated", "field"), [("short", "short", "passphrase"), (PASSPHRASE, "another one!", "repeated")]
)
def test_export_refuses_a_passphrase_that_is_short_or_mistyped(
    admin_client: Client, webhook: Webhook, passphrase: str, repeated: str, field: str
) -> None:
    fields = {"tenant": str(webhook.tenant_id), "file_format": "json", "passphrase": passphrase, "repeated": repeated}
    answer = admin_client.post(EXPORT, fields)
    assert list(answer.context["form"].errors) == [field]
    assert passphrase not in answer.content.decode() or passphrase == "short"
    assert not ActivityLog.objects.filter(verb="webhooks.exported").exists()


def test_import_shows_what_would_happen_and_then_does_exactly_that(admin_client: Client, webhook: Webhook) -> None:
    file = document(
        {"workflow_name": "contact_form", "event_types": ["contact.*"]},
        {"workflow_name": "new_one", "url": "https://new.example.com/in", "description": "<b>bold</b>"},
    )
    shown = upload(admin_client, webhook.tenant, file)
    text = shown.content.decode()
    assert "no-store" in shown["Cache-Control"]
    assert "1 created" in text
    assert "1 changed" in text
    assert "<del>–</del> → <ins>contact.*</ins>" in text
    assert "<ins>&lt;b&gt;bold&lt;/b&gt;</ins>" in text
    assert (Webhook.objects.count(), imports()) == (1, 0)

    done = admin_client.post(APPLY, {"waiting": waiting(shown)})
    assert "was imported into Acme" in done.content.decode()
    assert set(Webhook.objects.values_list("workflow_name", flat=True)) == {"contact_form", "new_one"}
    assert Webhook.objects.get(id=webhook.id).event_types == ["contact.*"]
    assert imports() == 1


def test_sealed_secrets_are_imported_with_the_passphrase_given_twice_and_kept_nowhere(
    admin_client: Client, webhook: Webhook, other_tenant: Tenant, admin_actor: Actor
) -> None:
    exported = export_webhooks(actor=admin_actor, tenant=webhook.tenant, file_format="csv", passphrase=PASSPHRASE)
    shown = upload(admin_client, other_tenant, exported.text, name="hooks.csv", passphrase=PASSPHRASE)
    held = json.dumps(signing.loads(waiting(shown), salt="webhooks.admin.transfer"))
    for secret in (PASSPHRASE, TOKEN, *HEADERS.values(), webhook.signing_secret.reveal()):
        assert secret not in shown.content.decode()
        assert secret not in held

    for wrong in ("", "a wrong passphrase"):
        again = admin_client.post(APPLY, {"waiting": waiting(shown), "passphrase": wrong})
        assert Webhook.objects.filter(tenant=other_tenant).count() == 0
        assert list(again.context["confirm"].errors) == ["passphrase"]
    admin_client.post(APPLY, {"waiting": waiting(shown), "passphrase": PASSPHRASE})
    moved = Webhook.objects.get(tenant=other_tenant)
    assert (moved.auth_token.reveal(), headers_of(moved)) == (TOKEN, HEADERS)
    assert moved.signing_secret.reveal() == webhook.signing_secret.reveal()


def test_a_file_with_one_wrong_row_cannot_be_imported(admin_client: Client, tenant: Tenant) -> None:
    file = f"workflow_name,url,timeout_ms\r\ngood,{URL},\r\nbad,{URL},5\r\nworse,=1+1,\r\n"
    shown = upload(admin_client, tenant, file, name="hooks.csv")
    text = shown.content.decode()
    assert "2 refused" in text
    assert "<strong>timeout_ms</strong>" in text
    assert "begins like a formula" in text
    assert shown.context["confirm"] is None
    assert Webhook.objects.count() == 0


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("hooks.json", '{"format": "signalbox.web', "no whole JSON: Unterminated string starting at: line 1 column 12"),
        ("hooks.json", "{}", "must be a JSON object with"),
        ("hooks.json", document().replace("}", ', "a\\ud800b": 1}'), "no member a?b"),
        ("hooks", "[]", "must be a JSON object with"),
        ("hooks.csv", 'workflow_name\r\na\r\n"half', "no whole CSV: line 3"),
        ("hooks.csv", "name,url\r\na,b\r\n", "must name the columns"),
        ("hooks.csv", b"workflow_name\r\n\xff", "no UTF-8: byte 16"),
        ("hooks.csv", b"workflow_name\r\n" + b"x" * (2 * 1024 * 1024), "larger than 2 MiB"),
        ("hooks.json", "[" * 100_000, "nested too deeply"),
    ],
    ids=["half", "empty", "member", "list", "half-csv", "columns", "latin", "large", "deep"],
)
def test_says_what_is_wrong_with_a_file_that_is_none(
    admin_client: Client, tenant: Tenant, name: str, content: str | bytes, reason: str
) -> None:
    answer = upload(admin_client, tenant, content, name=name)
    assert list(answer.context["form"].errors) == ["file"]
    assert reason in answer.context["form"].errors["file"][0]
    assert Webhook.objects.count() == 0


@pytest.mark.parametrize(
    ("values", "column"),
    [
        ({"description": "a\0b"}, "description"),
        ({"description": "a\ud800b"}, "description"),
        ({"url": "https://example.com/\0"}, "url"),
        ({"event_types": ["a\0b"]}, "event_types"),
        ({"signature_scheme": "\0"}, "signature_scheme"),
        ({"header_names": ["\0", "\ud800"]}, "header_names"),
        ({"a\ud800b": "x"}, "a?b"),
        ({"workflow_name": "a\ud800b"}, "workflow_name"),
    ],
    ids=["nul", "half", "url", "type", "scheme", "header", "column", "name"],
)
def test_characters_that_cannot_be_stored_are_named_with_row_and_column(
    admin_client: Client, tenant: Tenant, values: dict[str, Any], column: str
) -> None:
    answer = upload(admin_client, tenant, document({"workflow_name": "hook", "url": URL, **values}))
    (row,) = answer.context["plan"].rows
    assert list(row.problems) == [column]
    assert f"<strong>{column}</strong>" in answer.content.decode()
    assert Webhook.objects.count() == 0


def test_a_passphrase_for_a_file_without_sealed_secrets_is_refused(admin_client: Client, tenant: Tenant) -> None:
    answer = upload(admin_client, tenant, document(), passphrase=PASSPHRASE)
    assert "has no sealed secrets" in answer.context["form"].errors["passphrase"][0]


def test_a_waiting_file_that_was_changed_is_late_or_anothers_is_not_imported(
    admin_client: Client, tenant: Tenant
) -> None:
    shown = upload(admin_client, tenant, document({"workflow_name": "new_one", "url": URL}))
    signed = waiting(shown)
    other = Client()
    other.force_login(User.objects.create_superuser("grace", "grace@example.com", "correct horse battery staple"))
    answers = [
        admin_client.post(APPLY, {"waiting": signed[:-2] + "xx"}),
        admin_client.post(APPLY, {}),
        admin_client.get(APPLY),
        other.post(APPLY, {"waiting": signed}),
    ]
    with time_machine.travel(signing.time.time() + 3700, tick=False):  # type: ignore[attr-defined]
        answers.append(admin_client.post(APPLY, {"waiting": signed}))
    for answer in answers:
        assert "was imported" not in answer.content.decode()
    assert (Webhook.objects.count(), imports()) == (0, 0)


def test_is_closed_to_auditors(webhook: Webhook) -> None:
    client = Client()
    client.force_login(User.objects.create_user("audrey", is_staff=True, platform_role=PlatformRole.AUDITOR))
    assert "Export" not in client.get(LIST).content.decode()
    fields = {"tenant": str(webhook.tenant_id), "file_format": "json"}
    answers = [client.get(EXPORT), client.post(EXPORT, fields), client.get(IMPORT), client.post(APPLY, {})]
    assert [answer.status_code for answer in answers] == [403] * 4
    assert upload(client, webhook.tenant, document()).status_code == 403
    assert not ActivityLog.objects.filter(verb="webhooks.exported").exists()
