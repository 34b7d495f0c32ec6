"""Row-level security on every table of a tenant, and an activity log that only grows."""

from __future__ import annotations

from typing import ClassVar

from django.db import migrations

from integrations.isolation.operations import CreateTenantRole, IsolateTenantTable, TenantForeignKey

# Row triggers, so that a statement that matches no row is let pass; TRUNCATE knows no rows.
_APPEND_ONLY = """
CREATE FUNCTION integrations_activitylog_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF coalesce(current_setting('sb.activity_maintenance', true), '') <> 'on' THEN
        RAISE EXCEPTION 'the activity log is append-only: % refused', TG_OP USING ERRCODE = 'restrict_violation';
    END IF;
    IF TG_OP = 'DELETE' THEN
        RETURN OLD;
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER append_only_rows BEFORE UPDATE OR DELETE ON integrations_activitylog
    FOR EACH ROW EXECUTE FUNCTION integrations_activitylog_append_only();
CREATE TRIGGER append_only_table BEFORE TRUNCATE ON integrations_activitylog
    FOR EACH STATEMENT EXECUTE FUNCTION integrations_activitylog_append_only();
"""
_NOT_APPEND_ONLY = """
DROP TRIGGER append_only_table ON integrations_activitylog;
DROP TRIGGER append_only_rows ON integrations_activitylog;
DROP FUNCTION integrations_activitylog_append_only();
"""


class Migration(migrations.Migration):
    dependencies: ClassVar = [("integrations", "0001_initial")]

    operations: ClassVar = [
        CreateTenantRole(),
        IsolateTenantTable("Tenant", tenant_column="id", privileges=["SELECT"]),
        IsolateTenantTable("Membership", referenced=True),
        IsolateTenantTable("Integration", referenced=True),
        # Writers lock their key's row, for which PostgreSQL wants UPDATE on some column: on one that means nothing.
        IsolateTenantTable("DataKey", privileges=["SELECT", "UPDATE (locked_by_writers)"]),
        IsolateTenantTable("ActivityLog", privileges=["SELECT", "INSERT"]),
        TenantForeignKey("Integration", "owner"),
        migrations.RunSQL(_APPEND_ONLY, _NOT_APPEND_ONLY),
    ]
