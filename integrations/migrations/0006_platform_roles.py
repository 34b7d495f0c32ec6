"""Roles of platform staff, and their second factor."""

from __future__ import annotations

from typing import Any, ClassVar

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models
from django.db.models import Q

import integrations.encryption.fields
import integrations.ids


def give_roles(apps: Any, schema_editor: Any) -> None:
    """Superusers become owners; staff with the permission that went before the roles become operators."""
    users = apps.get_model("integrations", "User").objects.all()
    permissions = apps.get_model("auth", "Permission").objects.filter(
        content_type__app_label="integrations", codename="administer_platform"
    )
    held = Q(user_permissions__in=permissions) | Q(groups__permissions__in=permissions)
    operators = list(users.filter(held, is_staff=True).values_list("pk", flat=True))
    users.filter(pk__in=operators).update(platform_role="operator")
    users.filter(is_superuser=True).update(platform_role="owner", is_staff=True)
    permissions.delete()


class Migration(migrations.Migration):
    dependencies: ClassVar = [("integrations", "0005_idempotency")]

    operations: ClassVar = [
        migrations.AlterModelOptions(name="user", options={"verbose_name": "user", "verbose_name_plural": "users"}),
        migrations.AddField(
            model_name="user",
            name="platform_role",
            field=models.CharField(
                blank=True,
                choices=[("owner", "Owner"), ("operator", "Operator"), ("auditor", "Auditor")],
                default="",
                help_text="For platform staff only. Owners manage staff too; auditors read everything but secrets.",
                max_length=16,
            ),
        ),
        migrations.AddField(
            model_name="user",
            name="session_version",
            field=models.PositiveIntegerField(
                default=0, editable=False, help_text="Counts what ended all of this person's sessions."
            ),
        ),
        migrations.CreateModel(
            name="StaffDevice",
            fields=[
                (
                    "id",
                    models.UUIDField(default=integrations.ids.uuid7, editable=False, primary_key=True, serialize=False),
                ),
                ("key", integrations.encryption.fields.EncryptedTextField(help_text="Base32, as people type it.")),
                ("confirmed_at", models.DateTimeField(editable=False, null=True)),
                ("last_step", models.BigIntegerField(default=0, editable=False)),
                ("failures", models.PositiveIntegerField(default=0, editable=False)),
                ("next_try_at", models.DateTimeField(editable=False, null=True)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                (
                    "user",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="staff_device",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={"abstract": False},
        ),
        migrations.CreateModel(
            name="RecoveryCode",
            fields=[
                (
                    "id",
                    models.UUIDField(default=integrations.ids.uuid7, editable=False, primary_key=True, serialize=False),
                ),
                ("code_hmac", models.CharField(editable=False, max_length=64)),
                ("used_at", models.DateTimeField(editable=False, null=True)),
                (
                    "device",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="recovery_codes",
                        to="integrations.staffdevice",
                    ),
                ),
            ],
        ),
        migrations.AddConstraint(
            model_name="recoverycode",
            constraint=models.UniqueConstraint(fields=("device", "code_hmac"), name="recovery_code_unique"),
        ),
        migrations.AddIndex(
            model_name="activitylog",
            index=models.Index(fields=["actor_id", "-id"], name="activity_actor"),
        ),
        migrations.AddIndex(
            model_name="activitylog",
            index=models.Index(fields=["verb", "-id"], name="activity_verb"),
        ),
        migrations.RunPython(give_roles, migrations.RunPython.noop),
    ]
