from integrations.activity.models import ActivityLog
from integrations.api_keys.models import APIKey, APIKeyUsage
from integrations.authentication.models import RecoveryCode, RefreshSession, StaffDevice
from integrations.encryption.models import DataKey, ProcessHeartbeat
from integrations.models.credential_version import CredentialVersion
from integrations.models.idempotency import IdempotencyAnswer
from integrations.models.integration import Health, Integration
from integrations.models.invitation import Invitation, InvitationState
from integrations.models.oauth import OAuthGrant, OAuthState
from integrations.models.provider_action import ProviderActionLease, ProviderActionState
from integrations.models.tenant import Membership, Role, Tenant
from integrations.models.user import User

__all__ = [
    "APIKey",
    "APIKeyUsage",
    "ActivityLog",
    "CredentialVersion",
    "DataKey",
    "Health",
    "IdempotencyAnswer",
    "Integration",
    "Invitation",
    "InvitationState",
    "Membership",
    "OAuthGrant",
    "OAuthState",
    "ProcessHeartbeat",
    "ProviderActionLease",
    "ProviderActionState",
    "RecoveryCode",
    "RefreshSession",
    "Role",
    "StaffDevice",
    "Tenant",
    "User",
]
