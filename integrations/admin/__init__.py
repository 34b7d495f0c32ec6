from integrations.admin import activity, api_keys, integrations, memberships, tenants, users

__all__ = ["activity", "api_keys", "integrations", "memberships", "tenants", "users"]
