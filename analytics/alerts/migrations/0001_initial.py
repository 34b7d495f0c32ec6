"""Rules, channels, alerts and the outbox, isolated by tenant."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import analytics.alerts.channel_kinds.registry
import analytics.alerts.rule_kinds.registry
import integrations.encryption.fields
import integrations.ids
from integrations.isolation.operations import IsolateTenantTable, TenantForeignKey


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("integrations", "0007_data_key_rotation"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="AlertChannel",
            fields=[
                (
                    "id",
                    models.UUIDField(default=integrations.ids.uuid7, editable=False, primary_key=True, serialize=False),
                ),
                (
                    "kind",
                    models.CharField(choices=analytics.alerts.channel_kinds.registry.channel_choices, max_length=16),
                ),
                ("name", models.CharField(max_length=100)),
                ("enabled", models.BooleanField(default=True)),
                ("recipients", models.JSONField(blank=True, default=list, help_text="E-mail addresses.")),
                ("url", integrations.encryption.fields.EncryptedTextField(blank=True, null=True)),
                ("url_host", models.CharField(blank=True, editable=False, max_length=253)),
                (
                    "secret",
                    integrations.encryption.fields.EncryptedTextField(
                        blank=True, help_text="Signs what a signed webhook is sent.", null=True
                    ),
                ),
                (
                    "rule_kinds",
                    models.JSONField(blank=True, default=list, help_text="What is told here; everything when empty."),
                ),
                ("failures", models.IntegerField(default=0, editable=False)),
                ("last_error", models.CharField(blank=True, editable=False, max_length=300)),
                ("last_failed_at", models.DateTimeField(editable=False, null=True)),
                ("last_sent_at", models.DateTimeField(editable=False, null=True)),
                ("retry_at", models.DateTimeField(editable=False, null=True)),
                ("leased_until", models.DateTimeField(editable=False, null=True)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("created_by_name", models.CharField(blank=True, editable=False, max_length=254)),
                ("updated_at", models.DateTimeField(auto_now=True)),
                (
                    "created_by",
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
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="alert_channels",
                        to="integrations.tenant",
                    ),
                ),
            ],
            options={
                "ordering": ["id"],
            },
        ),
        migrations.CreateModel(
            name="Alert",
            fields=[
                (
                    "id",
                    models.UUIDField(default=integrations.ids.uuid7, editable=False, primary_key=True, serialize=False),
                ),
                ("rule_id", models.UUIDField()),
                (
                    "rule_kind",
                    models.CharField(choices=analytics.alerts.rule_kinds.registry.kind_choices, max_length=32),
                ),
                ("rule_name", models.CharField(max_length=100)),
                ("of_platform", models.BooleanField(verbose_name="rule of the platform")),
                ("object_key", models.CharField(max_length=200)),
                ("object_label", models.CharField(max_length=200)),
                ("value", models.FloatField(null=True)),
                ("sentence", models.CharField(max_length=500)),
                ("opened_at", models.DateTimeField()),
                ("last_seen_at", models.DateTimeField()),
                ("recovered_at", models.DateTimeField(null=True)),
                ("times_opened", models.IntegerField(default=1)),
                ("is_told", models.BooleanField(default=False)),
                ("told_at", models.DateTimeField(null=True)),
                ("openings_untold", models.IntegerField(default=0)),
                (
                    "tenant",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="alerts",
                        to="integrations.tenant",
                    ),
                ),
            ],
            options={
                "ordering": ["-id"],
                "indexes": [
                    models.Index(fields=["tenant", "id"], name="alert_tenant"),
                    models.Index(fields=["rule_id", "recovered_at"], name="alert_rule"),
                    models.Index(condition=models.Q(("recovered_at", None)), fields=["id"], name="alert_open"),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("recovered_at", None)),
                        fields=("rule_id", "object_key"),
                        name="alert_one_open",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="AlertMute",
            fields=[
                (
                    "id",
                    models.UUIDField(default=integrations.ids.uuid7, editable=False, primary_key=True, serialize=False),
                ),
                ("rule_id", models.UUIDField()),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                (
                    "tenant",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="alert_mutes",
                        to="integrations.tenant",
                    ),
                ),
            ],
            options={
                "constraints": [models.UniqueConstraint(fields=("tenant", "rule_id"), name="alert_mute_unique")],
            },
        ),
        migrations.CreateModel(
            name="AlertNotice",
            fields=[
                (
                    "id",
                    models.UUIDField(default=integrations.ids.uuid7, editable=False, primary_key=True, serialize=False),
                ),
                ("alert_id", models.UUIDField()),
                ("event", models.CharField(choices=[("opened", "Opened"), ("recovered", "Recovered")], max_length=16)),
                ("shown", models.JSONField(help_text="The alert as it was then.")),
                (
                    "state",
                    models.CharField(
                        choices=[("waiting", "Waiting"), ("sent", "Sent"), ("given_up", "Given up")],
                        default="waiting",
                        max_length=16,
                    ),
                ),
                ("message_id", models.UUIDField(null=True)),
                ("created_at", models.DateTimeField()),
                ("ended_at", models.DateTimeField(null=True)),
                (
                    "channel",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="notices",
                        to="alerts.alertchannel",
                    ),
                ),
                (
                    "tenant",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="integrations.tenant",
                    ),
                ),
            ],
            options={
                "ordering": ["-id"],
                "indexes": [
                    models.Index(
                        condition=models.Q(("state", "waiting")), fields=["channel", "id"], name="alert_notice_waiting"
                    ),
                    models.Index(fields=["alert_id"], name="alert_notice_alert"),
                    models.Index(fields=["created_at"], name="alert_notice_age"),
                ],
            },
        ),
        migrations.CreateModel(
            name="AlertRule",
            fields=[
                (
                    "id",
                    models.UUIDField(default=integrations.ids.uuid7, editable=False, primary_key=True, serialize=False),
                ),
                ("kind", models.CharField(choices=analytics.alerts.rule_kinds.registry.kind_choices, max_length=32)),
                ("name", models.CharField(max_length=100)),
                (
                    "parameters",
                    models.JSONField(blank=True, default=dict, help_text="What differs from the kind's defaults."),
                ),
                ("enabled", models.BooleanField(default=True)),
                ("is_default", models.BooleanField(default=False, editable=False, verbose_name="default rule")),
                ("last_error", models.CharField(blank=True, editable=False, max_length=300)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("created_by_name", models.CharField(blank=True, editable=False, max_length=254)),
                ("updated_at", models.DateTimeField(auto_now=True)),
                (
                    "created_by",
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
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="alert_rules",
                        to="integrations.tenant",
                    ),
                ),
            ],
            options={
                "ordering": ["id"],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("is_default", True)),
                        fields=("kind",),
                        name="alert_rule_one_default",
                        violation_error_message="This kind has its default rule already.",
                    )
                ],
            },
        ),
        IsolateTenantTable("AlertRule"),
        IsolateTenantTable("AlertMute", privileges=["SELECT", "INSERT", "DELETE"]),
        IsolateTenantTable("AlertChannel", referenced=True),
        IsolateTenantTable("Alert", privileges=["SELECT", "INSERT", "UPDATE"]),
        IsolateTenantTable("AlertNotice"),
        TenantForeignKey("AlertNotice", "channel"),
    ]
