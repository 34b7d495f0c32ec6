"""The state of a connection that was started: taken out of the database by whoever comes first, and never by two."""

from __future__ import annotations

from hashlib import sha256
from typing import Final

from django.utils import timezone

from integrations.activity.models import ActorKind
from integrations.errors import NotAllowedError, NotFoundError
from integrations.isolation.scope import tenant_scope
from integrations.models import APIKey, Membership, OAuthState, User

_LONGEST_STATE: Final = 200
_INVALID: Final = (
    "This connection was finished already, took longer than ten minutes, or was begun elsewhere: begin again."
)


def consumed_state(provider: str, state: str, session_key: str) -> OAuthState:
    """Take the state out of the database: only one can. Another provider or browser leaves it where it is."""
    if not state or len(state) > _LONGEST_STATE:
        raise NotFoundError(_INVALID)
    rows = OAuthState.objects.select_related("tenant").filter(
        state_hash=hash_of(state), provider=provider, expires_at__gt=timezone.now(), tenant__deleted_at=None
    )
    begun = rows.first()
    if begun is None or begun.session_hash not in {"", hash_of(session_key)}:
        raise NotFoundError(_INVALID)
    if not begun.tenant.is_active:
        raise NotAllowedError(f"{begun.tenant.name} is inactive at present: nothing can be connected.")
    with tenant_scope(begun.tenant_id):
        verifier = begun.verifier.reveal()
        if OAuthState.objects.filter(tenant_id=begun.tenant_id, id=begun.id).delete()[0] != 1:
            raise NotFoundError(_INVALID)
    begun.verifier = verifier
    return begun


def require_still_allowed(begun: OAuthState) -> None:
    """Raise NotAllowedError when the credential that began it has ended since: the callback itself carries none."""
    began, tenant_id = begun.actor_id, begun.tenant_id
    allowed = begun.actor_kind == ActorKind.SYSTEM
    if began is not None and begun.actor_kind == ActorKind.API_KEY:
        allowed = APIKey.objects.live(timezone.now()).filter(tenant_id=tenant_id, id=began).exists()
    elif began is not None and begun.actor_kind == ActorKind.USER:
        person = User.objects.filter(id=began, is_active=True).first()
        runs_the_platform = person is not None and (person.is_superuser or bool(person.platform_role))
        is_member = Membership.objects.filter(tenant_id=tenant_id, user_id=began).exists()
        allowed = person is not None and (runs_the_platform or is_member)
    if not allowed:
        raise NotAllowedError(f"{begun.actor_name} began this and may not do it any more: begin again.")


def hash_of(text: str) -> str:
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
