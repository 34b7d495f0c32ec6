from integrations.activity.models import ActivityLog
from integrations.authentication.models import RefreshSession
from integrations.encryption.models import DataKey, ProcessHeartbeat
from integrations.models.integration import Health, Integration
from integrations.models.tenant import Membership, Role, Tenant
from integrations.models.user import User

__all__ = [
    "ActivityLog",
    "DataKey",
    "Health",
    "Integration",
    "Membership",
    "ProcessHeartbeat",
    "RefreshSession",
    "Role",
    "Tenant",
    "User",
]
