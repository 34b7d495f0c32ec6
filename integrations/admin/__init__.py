from integrations.admin import activity, integrations, tenants, users

__all__ = ["activity", "integrations", "tenants", "users"]
