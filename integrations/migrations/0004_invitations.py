"""Invitations of members."""

from __future__ import annotations

from typing import ClassVar

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models
from django.db.models import Q

import integrations.ids
from integrations.isolation.operations import IsolateTenantTable


class Migration(migrations.Migration):
    dependencies: ClassVar = [("integrations", "0003_api_keys")]

    operations: ClassVar = [
        migrations.CreateModel(
            name="Invitation",
            fields=[
                (
                    "id",
                    models.UUIDField(default=integrations.ids.uuid7, editable=False, primary_key=True, serialize=False),
                ),
                ("email", models.EmailField(help_text="In lower case.", max_length=150)),
                (
                    "role",
                    models.CharField(
                        choices=[("owner", "Owner"), ("admin", "Admin"), ("member", "Member")],
                        default="member",
                        max_length=16,
                    ),
                ),
                ("token_hash", models.CharField(editable=False, max_length=64, null=True, unique=True)),
                ("expires_at", models.DateTimeField(editable=False)),
                ("invited_by_name", models.CharField(editable=False, max_length=254)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                (
                    "times_sent",
                    models.PositiveIntegerField(default=1, editable=False, help_text="How many links it was given."),
                ),
                (
                    "last_link_at",
                    models.DateTimeField(editable=False, help_text="When the newest link was asked for."),
                ),
                (
                    "sent_at",
                    models.DateTimeField(editable=False, help_text="When the newest link's mail went out.", null=True),
                ),
                (
                    "mail_due_at",
                    models.DateTimeField(
                        editable=False, help_text="When the mail is tried; empty for none.", null=True
                    ),
                ),
                ("mail_failures", models.PositiveIntegerField(default=0, editable=False)),
                ("accepted_at", models.DateTimeField(editable=False, null=True)),
                ("withdrawn_at", models.DateTimeField(editable=False, null=True)),
                (
                    "invited_by",
                    models.ForeignKey(
                        editable=False,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "tenant",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="invitations",
                        to="integrations.tenant",
                    ),
                ),
            ],
            options={
                "ordering": ["-id"],
                "indexes": [
                    models.Index(
                        condition=Q(("mail_due_at__isnull", False)),
                        fields=["mail_due_at"],
                        name="invitation_mail_due",
                    )
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=Q(("accepted_at", None), ("withdrawn_at", None)),
                        fields=("tenant", "email"),
                        name="invitation_one_open",
                        violation_error_message="This address is invited already.",
                    )
                ],
            },
        ),
        IsolateTenantTable("Invitation"),
    ]
