"""The tables of this room, as the models declare them."""

import django.contrib.auth.models
import django.contrib.auth.validators
import django.core.validators
import django.db.models.deletion
import django.db.models.functions.text
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models

import integrations.encryption.fields
import integrations.ids
import integrations.providers.registry


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("auth", "0012_alter_user_first_name_max_length"),
    ]

    operations = [
        migrations.CreateModel(
            name="ProcessHeartbeat",
            fields=[
                (
                    "id",
                    models.UUIDField(default=integrations.ids.uuid7, editable=False, primary_key=True, serialize=False),
                ),
                ("kind", models.CharField(max_length=16)),
                ("host", models.CharField(max_length=200)),
                ("pid", models.IntegerField()),
                ("master_fingerprints", models.JSONField(default=list)),
                ("started_at", models.DateTimeField(auto_now_add=True)),
                ("seen_at", models.DateTimeField(auto_now_add=True)),
            ],
        ),
        migrations.CreateModel(
            name="User",
            fields=[
                ("password", models.CharField(max_length=128, verbose_name="password")),
                ("last_login", models.DateTimeField(blank=True, null=True, verbose_name="last login")),
                (
                    "is_superuser",
                    models.BooleanField(
                        default=False,
                        help_text="Designates that this user has all permissions without explicitly assigning them.",
                        verbose_name="superuser status",
                    ),
                ),
                (
                    "username",
                    models.CharField(
                        error_messages={"unique": "A user with that username already exists."},
                        help_text="Required. 150 characters or fewer. Letters, digits and @/./+/-/_ only.",
                        max_length=150,
                        unique=True,
                        validators=[django.contrib.auth.validators.UnicodeUsernameValidator()],
                        verbose_name="username",
                    ),
                ),
                ("first_name", models.CharField(blank=True, max_length=150, verbose_name="first name")),
                ("last_name", models.CharField(blank=True, max_length=150, verbose_name="last name")),
                ("email", models.EmailField(blank=True, max_length=254, verbose_name="email address")),
                (
                    "is_staff",
                    models.BooleanField(
                        default=False,
                        help_text="Designates whether the user can log into this admin site.",
                        verbose_name="staff status",
                    ),
                ),
                (
                    "is_active",
                    models.BooleanField(
                        default=True,
                        help_text="Designates whether this user should be treated as active. Unselect this instead of deleting accounts.",
                        verbose_name="active",
                    ),
                ),
                ("date_joined", models.DateTimeField(default=django.utils.timezone.now, verbose_name="date joined")),
                (
                    "id",
                    models.UUIDField(default=integrations.ids.uuid7, editable=False, primary_key=True, serialize=False),
                ),
                (
                    "groups",
                    models.ManyToManyField(
                        blank=True,
                        help_text="The groups this user belongs to. A user will get all permissions granted to each of their groups.",
                        related_name="user_set",
                        related_query_name="user",
                        to="auth.group",
                        verbose_name="groups",
                    ),
                ),
                (
                    "user_permissions",
                    models.ManyToManyField(
                        blank=True,
                        help_text="Specific permissions for this user.",
                        related_name="user_set",
                        related_query_name="user",
                        to="auth.permission",
                        verbose_name="user permissions",
                    ),
                ),
            ],
            options={
                "verbose_name": "user",
                "verbose_name_plural": "users",
                "permissions": [("administer_platform", "Can administer the whole platform")],
                "abstract": False,
            },
            managers=[
                ("objects", django.contrib.auth.models.UserManager()),
            ],
        ),
        migrations.CreateModel(
            name="ActivityLog",
            fields=[
                (
                    "id",
                    models.UUIDField(default=integrations.ids.uuid7, editable=False, primary_key=True, serialize=False),
                ),
                (
                    "tenant_id",
                    models.UUIDField(blank=True, help_text="Empty for deeds that concern the platform.", null=True),
                ),
                (
                    "actor_kind",
                    models.CharField(
                        choices=[("user", "User"), ("api_key", "API key"), ("system", "System")], max_length=16
                    ),
                ),
                ("actor_id", models.UUIDField(blank=True, null=True)),
                ("actor_name", models.CharField(max_length=254)),
                ("actor_address", models.GenericIPAddressField(blank=True, null=True)),
                ("verb", models.CharField(max_length=64)),
                ("object_kind", models.CharField(max_length=64)),
                ("object_id", models.UUIDField(blank=True, null=True)),
                ("object_name", models.CharField(blank=True, max_length=254)),
                ("changed_fields", models.JSONField(default=list)),
                ("detail", models.CharField(blank=True, max_length=500)),
                ("request_id", models.CharField(blank=True, max_length=64)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
            ],
            options={
                "verbose_name": "activity",
                "verbose_name_plural": "activity",
                "ordering": ["-id"],
                "indexes": [
                    models.Index(fields=["tenant_id", "-id"], name="activity_tenant"),
                    models.Index(fields=["object_id", "-id"], name="activity_object"),
                ],
            },
        ),
        migrations.CreateModel(
            name="RefreshSession",
            fields=[
                (
                    "id",
                    models.UUIDField(default=integrations.ids.uuid7, editable=False, primary_key=True, serialize=False),
                ),
                ("token_number", models.IntegerField(default=1)),
                ("expires_at", models.DateTimeField()),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("revoked_at", models.DateTimeField(null=True)),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="refresh_sessions",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Tenant",
            fields=[
                (
                    "id",
                    models.UUIDField(default=integrations.ids.uuid7, editable=False, primary_key=True, serialize=False),
                ),
                ("name", models.CharField(max_length=200)),
                (
                    "slug",
                    models.CharField(
                        help_text="Part of derived webhook addresses; cannot be changed later.",
                        max_length=63,
                        validators=[
                            django.core.validators.RegexValidator(
                                "^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\\Z",
                                "Use lower-case letters, digits and inner hyphens.",
                            )
                        ],
                    ),
                ),
                (
                    "is_active",
                    models.BooleanField(
                        default=True, help_text="An inactive tenant accepts nothing; its waiting deliveries are held."
                    ),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("updated_at", models.DateTimeField(auto_now=True)),
                ("deleted_at", models.DateTimeField(blank=True, editable=False, null=True)),
            ],
            options={
                "ordering": ["name", "id"],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("deleted_at", None)),
                        fields=("slug",),
                        name="tenant_slug_unique",
                        violation_error_message="Another tenant has this slug.",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Membership",
            fields=[
                (
                    "id",
                    models.UUIDField(default=integrations.ids.uuid7, editable=False, primary_key=True, serialize=False),
                ),
                (
                    "role",
                    models.CharField(
                        choices=[("owner", "Owner"), ("admin", "Admin"), ("member", "Member")],
                        default="member",
                        max_length=16,
                    ),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="memberships",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "tenant",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="memberships",
                        to="integrations.tenant",
                    ),
                ),
            ],
            options={
                "ordering": ["tenant", "id"],
            },
        ),
        migrations.CreateModel(
            name="Integration",
            fields=[
                (
                    "id",
                    models.UUIDField(default=integrations.ids.uuid7, editable=False, primary_key=True, serialize=False),
                ),
                ("provider", models.CharField(choices=integrations.providers.registry.provider_choices, max_length=32)),
                (
                    "slot",
                    models.CharField(
                        choices=integrations.providers.registry.slot_choices, editable=False, max_length=32
                    ),
                ),
                (
                    "is_default",
                    models.BooleanField(default=True, help_text="What the slot's own address shows and code uses."),
                ),
                ("name", models.CharField(max_length=100)),
                ("description", models.CharField(blank=True, max_length=500)),
                ("enabled", models.BooleanField(default=True)),
                ("config", integrations.encryption.fields.EncryptedJSONField(blank=True, default=dict)),
                (
                    "metadata",
                    models.JSONField(blank=True, default=dict, help_text="Free JSON of yours, never for secrets."),
                ),
                (
                    "health",
                    models.CharField(
                        choices=[
                            ("unknown", "Unknown"),
                            ("ok", "OK"),
                            ("degraded", "Degraded"),
                            ("failing", "Failing"),
                            ("reauth_required", "Reauthorisation required"),
                            ("unreadable", "Unreadable"),
                        ],
                        default="unknown",
                        editable=False,
                        max_length=16,
                    ),
                ),
                ("version", models.PositiveIntegerField(default=1, editable=False)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("created_by_name", models.CharField(blank=True, editable=False, max_length=254)),
                ("updated_at", models.DateTimeField(auto_now=True)),
                ("updated_by_name", models.CharField(blank=True, editable=False, max_length=254)),
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
                    "updated_by",
                    models.ForeignKey(
                        editable=False,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "owner",
                    models.ForeignKey(
                        blank=True,
                        db_constraint=False,
                        help_text="Empty: shared by the whole tenant.",
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="integrations",
                        to="integrations.membership",
                    ),
                ),
                (
                    "tenant",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="integrations",
                        to="integrations.tenant",
                    ),
                ),
            ],
            options={
                "ordering": ["tenant", "slot", "id"],
            },
        ),
        migrations.CreateModel(
            name="DataKey",
            fields=[
                (
                    "id",
                    models.UUIDField(default=integrations.ids.uuid7, editable=False, primary_key=True, serialize=False),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[("active", "Active"), ("retired", "Retired"), ("destroyed", "Destroyed")],
                        default="active",
                        max_length=16,
                    ),
                ),
                ("wrapped_key", models.TextField(blank=True, editable=False)),
                ("master_fingerprint", models.CharField(editable=False, max_length=16)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("retired_at", models.DateTimeField(editable=False, null=True)),
                ("destroyed_at", models.DateTimeField(editable=False, null=True)),
                ("locked_by_writers", models.BooleanField(default=False, editable=False)),
                (
                    "tenant",
                    models.ForeignKey(
                        editable=False,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="data_keys",
                        to="integrations.tenant",
                    ),
                ),
            ],
        ),
        migrations.AddConstraint(
            model_name="user",
            constraint=models.UniqueConstraint(
                django.db.models.functions.text.Lower("email"),
                condition=models.Q(("email", ""), _negated=True),
                name="user_email_unique",
                violation_error_message="Somebody with this e-mail address exists already.",
            ),
        ),
        migrations.AddIndex(
            model_name="refreshsession",
            index=models.Index(fields=["expires_at"], name="refresh_session_expiry"),
        ),
        migrations.AddConstraint(
            model_name="membership",
            constraint=models.UniqueConstraint(
                fields=("tenant", "user"),
                name="membership_unique",
                violation_error_message="This person is a member already.",
            ),
        ),
        migrations.AddConstraint(
            model_name="integration",
            constraint=models.UniqueConstraint(
                condition=models.Q(("is_default", True)),
                fields=("tenant", "owner", "slot"),
                name="integration_one_default",
                nulls_distinct=False,
                violation_error_message="This slot has an integration already.",
            ),
        ),
        migrations.AddConstraint(
            model_name="datakey",
            constraint=models.UniqueConstraint(
                condition=models.Q(("state", "active")),
                fields=("tenant",),
                name="data_key_one_active",
                nulls_distinct=False,
            ),
        ),
    ]
