from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.contrib.sessions.models import Session
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from integrations.api_keys.checking import InvalidKeyError, check_key
from integrations.api_keys.key_text import PATTERN
from integrations.api_keys.models import APIKey, APIKeyUsage
from integrations.models import Tenant, User
from integrations.services.api_keys import IssuedKey

ADD = "/admin/integrations/apikey/add/"
LIST = "/admin/integrations/apikey/"
Make = Callable[..., IssuedKey]


def page_of(key: APIKey, name: str = "change") -> str:
    return reverse(f"admin:integrations_apikey_{name}", args=[key.pk])


def form_data(**values: object) -> dict[str, object]:
    base = {
        "name": "Shop backend",
        "scopes": ["webhooks:read"],
        "allowed_networks": "",
        "rate_limit": "1000",
        "expires_at_0": "",
        "expires_at_1": "",
    }
    return {**base, **values}


def shown_key(html: str) -> str:
    [found] = re.findall(PATTERN, html)
    return str(found)


def test_new_key_is_shown_on_the_answering_page_alone(admin_client: Client, tenant: Tenant) -> None:
    data = form_data(tenant=str(tenant.id), allowed_networks="10.0.0.0/8\n\n 127.0.0.0/8 ")
    answer = admin_client.post(ADD, data)
    assert answer.status_code == 200
    assert "no-store" in answer["Cache-Control"]
    text = shown_key(answer.content.decode())
    key = APIKey.objects.get()
    assert check_key(text, address="10.0.0.1").id == key.id
    assert (key.allowed_networks, key.created_by_name) == (["10.0.0.0/8", "127.0.0.0/8"], "ada")
    for page in (page_of(key), LIST, "/admin/"):
        assert not re.search(PATTERN, admin_client.get(page).content.decode())
    assert all(text[25:] not in str(session.get_decoded()) for session in Session.objects.all())


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"scopes": []}, "This field is required."),
        ({"allowed_networks": "example.com"}, "example.com is no network"),
        ({"rate_limit": "0"}, "Must be a whole number from 1"),
        ({"expires_at_0": "2020-01-01", "expires_at_1": "00:00"}, "Must be in the future."),
    ],
    ids=["scopes", "network", "limit", "end"],
)
def test_wrong_value_is_shown_at_its_field_and_no_key_is_made(
    admin_client: Client, tenant: Tenant, wrong: dict[str, object], said: str
) -> None:
    answer = admin_client.post(ADD, form_data(tenant=str(tenant.id), **wrong))
    assert answer.status_code == 200
    html = answer.content.decode()
    assert said in html
    assert not re.search(PATTERN, html)
    assert APIKey.objects.count() == 0


def test_change_writes_through_the_service_what_was_changed(admin_client: Client, make_key: Make) -> None:
    key = make_key("webhooks:read").key
    answer = admin_client.post(page_of(key), form_data(rate_limit="7", scopes=["webhooks:read", "events:write"]))
    assert answer.status_code == 302
    key.refresh_from_db()
    assert (key.rate_limit, key.scopes) == (7, ["events:write", "webhooks:read"])


def test_rotation_shows_the_new_key_once_beside_the_end_of_the_old(admin_client: Client, make_key: Make) -> None:
    old = make_key()
    assert "works on for" in admin_client.get(page_of(old.key, "rotate")).content.decode()
    answer = admin_client.post(page_of(old.key, "rotate"), {"overlap_hours": "0"})
    assert "no-store" in answer["Cache-Control"]
    new = shown_key(answer.content.decode())
    assert check_key(new, address=None).name == "Shop backend"
    with pytest.raises(InvalidKeyError):
        check_key(old.text, address=None)


def test_rotation_that_is_refused_says_why(admin_client: Client, make_key: Make) -> None:
    old = make_key()
    assert (
        "Ensure this value is less"
        in admin_client.post(page_of(old.key, "rotate"), {"overlap_hours": "169"}).content.decode()
    )
    admin_client.post(page_of(old.key, "rotate"), {"overlap_hours": "24"})
    again = admin_client.post(page_of(old.key, "rotate"), {"overlap_hours": "24"})
    assert "was rotated already" in again.content.decode()
    assert APIKey.objects.count() == 2


def test_revocation_asks_first_and_makes_the_page_read_only(admin_client: Client, make_key: Make) -> None:
    issued = make_key()
    assert admin_client.get(page_of(issued.key, "revoke")).status_code == 200
    assert check_key(issued.text, address=None)
    assert admin_client.post(page_of(issued.key, "revoke")).status_code == 302
    with pytest.raises(InvalidKeyError):
        check_key(issued.text, address=None)
    html = admin_client.get(page_of(issued.key)).content.decode()
    assert "revoked</span>" in html
    assert 'name="_save"' not in html
    assert page_of(issued.key, "rotate") not in html


def test_selected_keys_are_revoked(admin_client: Client, make_key: Make) -> None:
    keys = [make_key().key for _ in range(3)]
    chosen = [str(key.pk) for key in keys[:2]]
    admin_client.post(LIST, {"action": "revoke", "_selected_action": chosen})
    assert list(APIKey.objects.filter(revoked_at=None)) == [keys[2]]


def test_keys_cannot_be_deleted(admin_client: Client, make_key: Make) -> None:
    key = make_key().key
    assert admin_client.post(page_of(key, "delete"), {"post": "yes"}).status_code == 403
    assert "delete_selected" not in admin_client.get(LIST).content.decode()
    assert APIKey.objects.count() == 1


def test_list_shows_state_and_use_and_filters_by_state(admin_client: Client, make_key: Make, tenant: Tenant) -> None:
    live, expired, revoked = (make_key(name=name).key for name in ("Key A", "Key B", "Key C"))
    now = timezone.now()
    APIKey.objects.filter(id=expired.id).update(expires_at=now)
    APIKey.objects.filter(id=revoked.id).update(revoked_at=now)
    for hours, requests in ((1, 1200), (2, 34), (30, 9999)):
        APIKeyUsage.objects.create(
            tenant_id=tenant.id, api_key_id=live.id, hour=now - timedelta(hours=hours), requests=requests
        )
    html = admin_client.get(LIST).content.decode()
    assert re.search(r'field-requests_24h">1234<', html)
    for state, names in (("live", {"Key A"}), ("expired", {"Key B"}), ("revoked", {"Key C"})):
        shown = admin_client.get(LIST, {"state": state}).content.decode()
        assert {name for name in ("Key A", "Key B", "Key C") if name in shown} == names


def test_page_draws_the_use_of_two_days(admin_client: Client, make_key: Make, tenant: Tenant) -> None:
    key = make_key().key
    hour = timezone.now().replace(minute=0, second=0, microsecond=0)
    for ago, requests, errors in ((0, 10, 5), (46, 1, 0), (49, 500, 0)):
        APIKeyUsage.objects.create(
            tenant_id=tenant.id, api_key_id=key.id, hour=hour - timedelta(hours=ago), requests=requests, errors=errors
        )
    html = admin_client.get(page_of(key)).content.decode()
    assert 'aria-label="11 requests, 5 of them errors, over 48 hours"' in html
    assert html.count("<title>20") == 48
    assert re.search(r'class="usage-requests" x="705" y="0" width="12" height="60"', html)
    assert re.search(r'class="usage-errors" x="705" y="30" width="12" height="30"', html)
    assert "style=" not in html[html.index("usage-chart") : html.index("</svg>")]


def test_tenants_page_leads_to_its_keys(admin_client: Client, make_key: Make, tenant: Tenant) -> None:
    make_key()
    html = admin_client.get(reverse("admin:integrations_tenant_change", args=[tenant.pk])).content.decode()
    assert f'href="{LIST}?tenant__id__exact={tenant.pk}">1 live</a>' in html
    assert f'href="{ADD}?tenant={tenant.pk}"' in html


def test_auditor_reads_keys_and_changes_none(make_key: Make) -> None:
    key = make_key().key
    client = Client()
    client.force_login(User.objects.create_user("audrey", platform_role="auditor", is_staff=True))
    assert client.get(page_of(key)).status_code == 200
    for page in (ADD, page_of(key, "rotate"), page_of(key, "revoke")):
        assert client.get(page).status_code == 403
        assert client.post(page, {"overlap_hours": "0"}).status_code == 403
    client.post(LIST, {"action": "revoke", "_selected_action": [str(key.pk)]})
    key.refresh_from_db()
    assert (APIKey.objects.count(), key.revoked_at, key.expires_at) == (1, None, None)
