"""An object of a tenant for each parameter that a path can have, and for each operation a body that it takes.

A new parameter without a factory, and a new operation whose body is missing, fail in the tests of this folder.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from typing import Any, Final

from django.utils import timezone

from analytics.alerts.services.channels import create_channel
from analytics.alerts.services.rules import create_rule
from integrations.activity.actor import Actor
from integrations.models import Integration, Membership, Role, Tenant, User
from integrations.services.api_keys import create_api_key
from integrations.services.integration_items import add_integration
from integrations.services.integrations import change_integration
from integrations.services.invitations import invite_member
from integrations.services.member_authority import PLATFORM
from integrations.services.memberships import add_member
from tests.api.noting import note
from tests.integrations.messaging.stored_messages import make_message
from tests.webhooks.delivery_steps import waiting
from webhooks.models import Webhook
from webhooks.services.receivers import create_receiver
from webhooks.services.recovering import start_recovery
from webhooks.services.redaction_rules import create_redaction_rule
from webhooks.services.webhooks import create_webhook

HOOK: Final = "https://hooks.example.com/in"
N8N: Final = {"base_url": "https://n8n.example.com/webhook", "api_key": "n8n-key-0123456789abcdef"}

# What a path may say for the object: its id first, then other names that it goes by.
Names = tuple[str, ...]


def make_member(tenant: Tenant, actor: Actor, role: Role = Role.MEMBER) -> Membership:
    name = f"{role}-{secrets.token_hex(4)}"
    user = User.objects.create_user(name, f"{name}@example.com", "x")
    return add_member(actor=actor, tenant=tenant, user=user, role=role)


def make_webhook(tenant: Tenant, actor: Actor, name: str | None = None) -> Webhook:
    name = name or f"hook_{secrets.token_hex(4)}"
    return create_webhook(
        actor=actor, tenant=tenant, workflow_name=name, url=HOOK, event_types=["*"], auth_token="t" * 24
    )


def _webhook(tenant: Tenant, actor: Actor) -> Names:
    webhook = make_webhook(tenant, actor)
    return str(webhook.id), webhook.workflow_name


def _delivery(tenant: Tenant, actor: Actor) -> Names:
    return (str(waiting(make_webhook(tenant, actor)).id),)


def _recovery(tenant: Tenant, actor: Actor) -> Names:
    since = timezone.now() - timedelta(hours=1)
    webhook = make_webhook(tenant, actor)
    return (str(start_recovery(actor=actor, tenant=tenant, webhook_id=webhook.id, since=since).id),)


def _key(tenant: Tenant, actor: Actor) -> Names:
    return (str(create_api_key(actor=actor, tenant=tenant, access=None, name="k", scopes=["keys:manage"]).key.id),)


def _member(tenant: Tenant, actor: Actor) -> Names:
    return (str(make_member(tenant, actor).id),)


def _invitation(tenant: Tenant, actor: Actor) -> Names:
    email = f"grace-{secrets.token_hex(4)}@example.com"
    invited = invite_member(actor=actor, by=PLATFORM, tenant=tenant, email=email, role=Role.MEMBER)
    return (str(invited.invitation.id),)


def _integration(tenant: Tenant, actor: Actor) -> Names:
    return (str(add_integration(actor=actor, tenant=tenant, provider="n8n", values=N8N).id),)


def _slot(tenant: Tenant, actor: Actor) -> Names:
    _integration(tenant, actor)
    return ("n8n",)


def _own_integration(tenant: Tenant, actor: Actor) -> Names:
    owner = make_member(tenant, actor)
    return (str(add_integration(actor=actor, tenant=tenant, provider="n8n", values=N8N, owner=owner).id),)


def _receiver(tenant: Tenant, actor: Actor) -> Names:
    name = f"receiver_{secrets.token_hex(4)}"
    return str(create_receiver(actor=actor, tenant=tenant, provider="github", name=name).id), name


def _redaction_rule(tenant: Tenant, actor: Actor) -> Names:
    event_type = f"order.{secrets.token_hex(4)}"
    return (str(create_redaction_rule(actor=actor, tenant=tenant, event_type=event_type, paths=["$.card"]).id),)


def _credential_version(tenant: Tenant, actor: Actor) -> Names:
    """Its integration stands before it in the path: the newest one of the tenant."""
    if not Integration.objects.filter(tenant=tenant).exists():
        _integration(tenant, actor)
    integration = Integration.objects.filter(tenant=tenant).order_by("-id")[0]
    rotated = change_integration(actor=actor, integration=integration, values={"api_key": secrets.token_hex(16)})
    return (str(rotated.credential_versions.get().id),)


def _message(tenant: Tenant, actor: Actor) -> Names:
    """One that can be settled."""
    return (str(make_message(tenant, state="unknown").id),)


def _message_of_own_integration(tenant: Tenant, actor: Actor) -> Names:
    owner = make_member(tenant, actor)
    return (str(make_message(tenant, state="unknown", source="user", membership_id=owner.id).id),)


def _alert_rule(tenant: Tenant, actor: Actor) -> Names:
    return (str(create_rule(actor=actor, tenant=tenant, kind="delivery_lag").id),)


def _alert_channel(tenant: Tenant, actor: Actor) -> Names:
    mails = {"name": "Operations", "recipients": ["ops@example.com"]}
    return (str(create_channel(actor=actor, tenant=tenant, kind="email", **mails).id),)


def _provider(tenant: Tenant, actor: Actor) -> Names:
    """Providers are the same for all tenants."""
    return ("github",)


def _action(tenant: Tenant, actor: Actor) -> Names:
    """So are their actions; in these tests each provider has this one."""
    return (note.name,)


Factory = Callable[[Tenant, Actor], Names]

# By the parameter's name: makes such an object in a tenant.
OBJECTS: Final[Mapping[str, Factory]] = {
    "action": _action,
    "channel": _alert_channel,
    "delivery": _delivery,
    "integration": _integration,
    "invitation": _invitation,
    "key": _key,
    "member": _member,
    "message": _message,
    "provider": _provider,
    "receiver": _receiver,
    "recovery": _recovery,
    "redaction_rule": _redaction_rule,
    "rule": _alert_rule,
    "slot": _slot,
    "version": _credential_version,
    "webhook": _webhook,
}
# What a path says of a kind of thing, which is the same for all tenants and no object of one.
SAME_FOR_ALL: Final = frozenset({"action", "provider"})
# Those that belong to one member of the tenant: to the others, and to its API keys, they are not there.
PERSONAL_OBJECTS: Final[Mapping[str, Factory]] = {
    "integration": _own_integration,
    "message": _message_of_own_integration,
}

# By the operation: a body that an authorized request may send.
BODIES: Final[Mapping[str, Any]] = {
    "POST alert-channels": {"kind": "email", "name": "another", "recipients": ["ops@example.com"]},
    "PATCH alert-channels/{channel}": {"name": "renamed"},
    "POST alert-rules": {"kind": "breaker_open"},
    "PATCH alert-rules/{rule}": {"parameters": {"seconds": 30}},
    "POST api-keys": {"name": "another", "scopes": ["keys:manage"]},
    "PATCH api-keys/{key}": {"name": "renamed"},
    "POST events": {"type": "order.paid", "payload": {"order": 7}},
    "POST events/batch": {"events": [{"type": "order.paid", "payload": {"order": 7}}]},
    "POST integrations": {"provider": "n8n", **N8N},
    "POST integrations/test": {"provider": "n8n", **N8N},
    "PUT integrations/{integration}": {"base_url": "https://other.example.com/webhook"},
    "PATCH integrations/{integration}": {"enabled": False},
    "POST messages": {"channel": "sms", "to": "+4915112345678", "text": "Your order is on its way."},
    "POST messages/{message}/settle": {"state": "sent", "note": "Found in the provider's log."},
    "POST integrations/{integration}/actions/{action}": {"text": "noted"},
    "POST providers/{provider}/actions/{action}": {"text": "noted"},
    "POST members": {"email": "ada@example.org", "role": "member"},
    "PATCH members/{member}": {"role": "admin"},
    "POST integrations/{integration}/rotate": {"api_key": "n8n-key-of-another-day-0123456789", "untested": True},
    "POST oauth/{provider}/start": {"return_to": "/admin/"},
    "POST receivers": {"name": "another", "provider": "github"},
    "PATCH receivers/{receiver}": {"is_active": False},
    "POST redaction-rules": {"event_type": "order.*", "paths": ["$.card"]},
    "PATCH redaction-rules/{redaction_rule}": {"paths": ["$.card", "$..password"]},
    "POST webhooks": {"workflow_name": "another_hook", "url": HOOK},
    "POST webhooks/export": {"passphrase": "correct horse battery staple"},
    "POST webhooks/import": {
        "format": "signalbox.webhooks",
        "version": 1,
        "webhooks": [{"workflow_name": "imported", "url": HOOK}],
    },
    "POST webhooks/broadcast": {"payload": {"order": 7}},
    "PUT webhooks/{webhook}": {"url": HOOK, "description": "Replaced"},
    "PATCH webhooks/{webhook}": {"description": "Changed"},
    "POST webhooks/{webhook}/call": {"payload": {"order": 7}},
    "POST webhooks/{webhook}/recover": {"since": "2026-01-01T00:00:00Z"},
}


def make_objects(names: Iterable[str], tenant: Tenant, actor: Actor) -> dict[str, str]:
    """Make an object for each of a path's parameters, and return what the path says for them."""
    return {name: _factory(name)(tenant, actor)[0] for name in names}


def names_of(name: str, tenant: Tenant, actor: Actor) -> Names:
    """Make an object for a path's parameter, and return everything that a path may say for it."""
    return _factory(name)(tenant, actor)


def _factory(name: str) -> Factory:
    assert name in OBJECTS, f"A path has the new parameter {name}: give it a factory in {__name__}."
    return OBJECTS[name]
