"""One tenant's life, told over the real API, a real worker process and a real receiver."""

from __future__ import annotations

import pytest

from tests.receiver import Receiver
from tests.running_site import RunningSite, wait_until

WHATSAPP = {
    "phone_number_id": "109876543210987",
    "business_account_id": "123456789012345",
    "access_token": "EAATestAccessTokenForTheStoryOfOneTenant123456789",
    "webhook_verify_token": "verify-me-please-0001",
    "app_secret": "0123456789abcdef0123456789abcdef",
    "phone_number": "+15550100200",
}
TWILIO = {
    "provider": "twilio",
    "account_sid": "AC" + "0a1b2c3d" * 4,
    "auth_token": "f0e1d2c3b4a5968778695a4b3c2d1e0f",
    "phone_number": "+15550100300",
}
N8N_KEY = "n8n_api_story_0123456789abcdef0123456789abcdef"
NAMES = [f"workflow-{number:02}" for number in range(1, 21)]
SECRETS = [
    WHATSAPP["access_token"],
    WHATSAPP["webhook_verify_token"],
    WHATSAPP["app_secret"],
    TWILIO["account_sid"],
    TWILIO["auth_token"],
    N8N_KEY,
    "bearer-of-the-story-0123456789",
]


@pytest.mark.e2e
def test_story_of_one_tenant(site: RunningSite, receiver: Receiver) -> None:
    api = site.session()
    tenants = f"{site.url}/api/platform/tenants"

    made = api.post(tenants, json={"name": "Acme", "slug": "acme"})
    assert made.status_code == 201, made.text
    tenant_id = made.json()["id"]
    tenant = f"{tenants}/acme"

    # Credentials: masked in every answer.
    assert api.post(f"{tenant}/integrations/whatsapp", json=WHATSAPP).status_code == 201
    assert api.post(f"{tenant}/integrations/sms", json=TWILIO).status_code == 201
    n8n = {"base_url": receiver.url("/webhook"), "api_key": N8N_KEY}
    assert api.put(f"{tenant}/integrations/n8n", json=n8n).status_code == 201
    slots = api.get(f"{tenant}/integrations").json()
    assert slots["whatsapp"]["access_token"] == "EAATestAcc***456789"
    assert slots["sms"]["provider"] == "twilio"
    assert slots["sms"]["auth_token"] == "***1e0f"
    assert slots["n8n"]["base_url"] == receiver.url("/webhook")

    # Twenty webhooks, the first with an address and a token of its own, the others derived from n8n's base.
    ids = {}
    for name in NAMES:
        body: dict[str, object] = {"workflow_name": name}
        if name == NAMES[0]:
            body |= {"url": receiver.url("/own"), "auth_token": "bearer-of-the-story-0123456789"}
        answer = api.post(f"{tenant}/webhooks", json=body)
        assert answer.status_code == 201, answer.text
        assert answer.json()["signing_secret"].startswith("whsec_")
        ids[name] = answer.json()["id"]
    assert api.post(f"{tenant}/webhooks", json={"workflow_name": NAMES[0]}).status_code == 409

    # All called from Python, through the worker.
    results = site.python(
        "import json\n"
        "from integrations.models import Tenant\n"
        "from webhooks.services.calls import call_webhook_by_name\n"
        "tenant = Tenant.objects.get(slug='acme')\n"
        f"names = {NAMES!r}\n"
        "results = [call_webhook_by_name(tenant, name, {'lead': name}, triggered_by='story', wait=True)"
        " for name in names]\n"
        "print(json.dumps([[r.success, r.status_code, r.attempts] for r in results]))\n"
    )
    assert results == [[True, 200, 1]] * 20
    by_path = {request.path: request for request in receiver.requests}
    assert sorted(by_path) == sorted(["/own", *(f"/webhook/acme/{name}" for name in NAMES[1:])])
    assert by_path["/own"].headers["Authorization"] == "Bearer bearer-of-the-story-0123456789"
    assert by_path["/webhook/acme/workflow-07"].body == b'{"lead":"workflow-07"}'

    # Rows and counters, exact.
    listed = api.get(f"{tenant}/webhooks?page_size=50").json()
    assert listed["count"] == 20
    counters = {(hook["total_calls"], hook["successful_calls"], hook["failed_calls"]) for hook in listed["results"]}
    assert counters == {(1, 1, 0)}
    calls = api.get(f"{tenant}/webhooks/{ids[NAMES[6]]}/analytics").json()["results"]
    assert len(calls) == 1
    assert calls[0]["status_code"] == 200
    assert calls[0]["triggered_by"] == "story"
    assert calls[0]["request_payload"] == {"lead": "workflow-07"}
    assert calls[0]["is_final"] is True
    summary = api.get(f"{tenant}/webhooks/analytics/summary").json()
    assert (summary["total_calls"], summary["successful_calls"], summary["attempts"]) == (20, 20, 20)
    assert summary["success_rate"] == 100.0

    # A failing endpoint: four attempts of the quick schedule, one failed call.
    receiver.answer("/own", status=500, body=b"broken")
    test = api.post(f"{tenant}/webhooks/{NAMES[0]}/test", json={"payload": {"try": 1}}).json()
    assert (test["success"], test["status_code"], test["response_body"]) == (False, 500, "broken")
    receiver.answer("/own", status=200, body=b'{"ok": true}')

    # Changed, disabled, enabled.
    hook = f"{tenant}/webhooks/{ids[NAMES[1]]}"
    assert api.patch(hook, json={"description": "leads to sales"}).json()["version"] == 2
    assert api.patch(hook, json={"is_active": False}).json()["disabled_reason"] == "manual"
    refused = api.post(f"{hook}/test", json={})
    assert refused.status_code == 409
    assert api.patch(hook, json={"is_active": True}).json()["disabled_reason"] is None
    assert api.post(f"{hook}/test", json={}).json()["success"] is True

    # One deleted: its calls stay.
    assert api.delete(hook).status_code == 204
    assert api.get(hook).status_code == 404
    assert api.get(f"{tenant}/webhooks/analytics/summary").json()["successful_calls"] == 21

    # Lists, figures and files agree.
    figures = f"{tenant}/webhooks/analytics"
    total = api.get(f"{figures}/summary?range=1h").json()
    assert (total["total_calls"], total["attempts"], total["outcomes"]["5xx"]) == (22, 25, 4)
    series = api.get(f"{figures}/timeseries?range=1h").json()["buckets"]
    assert sum(bucket["total_calls"] for bucket in series) == 22
    failed = api.get(f"{figures}/calls?success=false").json()["results"]
    assert [(call["workflow_name"], call["attempts"]) for call in failed] == [(NAMES[0], 4)]
    (group,) = api.get(f"{figures}/errors?range=1h").json()["groups"]
    assert (group["status_code"], group["count"], group["failed_calls"]) == (500, 4, 1)
    assert len(api.get(f"{figures}/calls/export").text.splitlines()) == 22
    assert len(api.get(f"{figures}/calls/export?file_format=csv&attempts=all").text.splitlines()) == 1 + 25

    # No secret in the log of any process, nor in clear in the database.
    log = site.log_path.read_text()
    assert [secret for secret in SECRETS if secret in log] == []

    # The tenant deleted: hidden at once, then nothing left.
    assert api.delete(tenant).status_code == 204
    assert api.get(tenant).status_code == 404
    assert api.get(f"{tenant}/webhooks").status_code == 404
    wait_until(lambda: rows_left(site, tenant_id) == {}, "every row of the tenant is gone", 120)


def rows_left(site: RunningSite, tenant_id: str) -> dict[str, int]:
    """Count what any table still holds of the tenant."""
    tables = site.query(
        "SELECT table_name FROM information_schema.columns JOIN pg_class ON relname = table_name"
        " WHERE column_name = 'tenant_id' AND table_schema = 'public' AND NOT relispartition"
    )
    counts = {
        table: site.query(f"SELECT count(*) FROM {table} WHERE tenant_id = %s", tenant_id)[0][0] for (table,) in tables
    }
    return {table: rows for table, rows in counts.items() if rows}
