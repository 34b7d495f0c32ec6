from __future__ import annotations

import io
import re
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from integrations.api_keys.checking import check_key
from integrations.api_keys.key_text import PATTERN
from integrations.api_keys.models import APIKey
from integrations.models import ActivityLog, Tenant


def run(*arguments: str) -> tuple[str, str]:
    out, err = io.StringIO(), io.StringIO()
    call_command("create_api_key", *arguments, stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


def test_prints_the_key_alone_on_standard_output(tenant: Tenant) -> None:
    out, err = run("--tenant", "acme", "--name", "Shop", "--scopes", "events:write", "webhooks:*")
    assert re.fullmatch(PATTERN + "\n", out)
    assert check_key(out.strip(), address=None).scopes == ["events:write", "webhooks:*"]
    assert out.strip() not in err
    assert out[:24] in err
    entry = ActivityLog.objects.get(verb="api_key.created")
    assert (entry.actor_kind, entry.actor_name) == ("system", "create_api_key")


def test_takes_networks_limit_and_end(tenant: Tenant) -> None:
    run(
        *("--tenant", str(tenant.id), "--name", "x", "--scopes", "*", "--networks", "10.0.0.0/8", "::1/128"),
        *("--rate-limit", "5", "--expires-in-days", "30"),
    )
    key = APIKey.objects.get()
    assert (key.allowed_networks, key.rate_limit) == (["10.0.0.0/8", "::1/128"], 5)
    assert key.expires_at is not None
    assert timedelta(days=29) < key.expires_at - timezone.now() < timedelta(days=30)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (["--tenant", "nobody"], "There is no such tenant."),
        (["--scopes", "webhooks:raed"], "scopes: Unknown: webhooks:raed"),
        (["--networks", "example.com"], "allowed_networks: example.com is no network"),
        (["--expires-in-days", "0"], "--expires-in-days must be from 1 to 36500."),
    ],
    ids=["tenant", "scope", "network", "end"],
)
def test_says_what_is_wrong_and_makes_nothing(tenant: Tenant, wrong: list[str], said: str) -> None:
    with pytest.raises(CommandError) as refused:
        run("--tenant", "acme", "--name", "x", "--scopes", "*", *wrong)
    assert said in str(refused.value)
    assert APIKey.objects.count() == 0


def test_generated_pepper_is_fresh_and_of_the_right_form() -> None:
    printed = [io.StringIO(), io.StringIO()]
    for out in printed:
        call_command("generate_api_key_pepper", stdout=out)
    one, other = (out.getvalue() for out in printed)
    assert re.fullmatch(r"[0-9a-f]{64}\n", one)
    assert one != other
