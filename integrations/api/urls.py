"""This room's addresses below `/api/`."""

from __future__ import annotations

from django.urls import path

from integrations.api.activity import ActivityList, PlatformActivityList
from integrations.api.api_keys import APIKeyDetail, APIKeyList, APIKeyRotation, APIKeyUsageView
from integrations.api.audience import platform_path, tenant_paths, v1_path
from integrations.api.connection_tests import ConnectionTestOfItem, ConnectionTestOfSlot, ConnectionTestOfValues
from integrations.api.credentials import CredentialRotation, CredentialVersionList, CredentialVersionRestore
from integrations.api.integration_items import IntegrationItem, IntegrationItems, IntegrationLogs
from integrations.api.integration_places import (
    IntegrationActivation,
    IntegrationDeactivation,
    IntegrationShare,
    IntegrationStatistics,
    IntegrationUnshare,
    ResolvedIntegration,
)
from integrations.api.integrations import IntegrationMapView, IntegrationSlotView
from integrations.api.invitation_acceptance import AcceptInvitationView
from integrations.api.invitations import InvitationDetail, InvitationList, InvitationResend
from integrations.api.me import Me
from integrations.api.members import MemberDetail, MemberList, OwnMembership
from integrations.api.oauth import OAuthStartView
from integrations.api.provider_actions import (
    IntegrationActionList,
    IntegrationActionRun,
    ProviderActionList,
    ProviderActionRun,
)
from integrations.api.providers import PlatformProviderList, ProviderList
from integrations.api.tenants import TenantDetail, TenantList
from integrations.authentication.views import TokenRefreshView, TokenView

urlpatterns = [
    path("auth/token", TokenView.as_view()),
    path("auth/token/refresh", TokenRefreshView.as_view()),
    path("platform/activity", PlatformActivityList.as_view()),
    path("platform/providers", PlatformProviderList.as_view()),
    v1_path("providers", ProviderList),
    *tenant_paths("providers/<str:provider>/actions", ProviderActionList),
    *tenant_paths("providers/<str:provider>/actions/<str:action>", ProviderActionRun),
    path("platform/tenants", TenantList.as_view()),
    path("platform/tenants/<str:tenant>", TenantDetail.as_view()),
    *tenant_paths("activity", ActivityList),
    path("auth/invitations/accept", AcceptInvitationView.as_view()),
    v1_path("me", Me),
    *tenant_paths("members", MemberList),
    v1_path("members/me", OwnMembership),
    *tenant_paths("members/<uuid:member>", MemberDetail),
    *tenant_paths("invitations", InvitationList),
    *tenant_paths("invitations/<uuid:invitation>", InvitationDetail),
    *tenant_paths("invitations/<uuid:invitation>/resend", InvitationResend),
    # The platform has the map of slots at `integrations`, and no slot is called `items`.
    platform_path("integrations/items", IntegrationItems),
    platform_path("integrations/items/<uuid:integration>", IntegrationItem),
    platform_path("integrations/items/<uuid:integration>/logs", IntegrationLogs),
    platform_path("integrations/items/<uuid:integration>/activate", IntegrationActivation),
    platform_path("integrations/items/<uuid:integration>/deactivate", IntegrationDeactivation),
    platform_path("integrations/items/<uuid:integration>/share", IntegrationShare),
    platform_path("integrations/items/<uuid:integration>/unshare", IntegrationUnshare),
    platform_path("integrations/items/<uuid:integration>/rotate", CredentialRotation),
    platform_path("integrations/items/<uuid:integration>/versions", CredentialVersionList),
    platform_path("integrations/items/<uuid:integration>/versions/<uuid:version>/restore", CredentialVersionRestore),
    v1_path("integrations", IntegrationItems),
    v1_path("integrations/<uuid:integration>", IntegrationItem),
    v1_path("integrations/<uuid:integration>/logs", IntegrationLogs),
    v1_path("integrations/<uuid:integration>/activate", IntegrationActivation),
    v1_path("integrations/<uuid:integration>/deactivate", IntegrationDeactivation),
    v1_path("integrations/<uuid:integration>/share", IntegrationShare),
    v1_path("integrations/<uuid:integration>/unshare", IntegrationUnshare),
    v1_path("integrations/<uuid:integration>/rotate", CredentialRotation),
    v1_path("integrations/<uuid:integration>/versions", CredentialVersionList),
    v1_path("integrations/<uuid:integration>/versions/<uuid:version>/restore", CredentialVersionRestore),
    # Nor is a slot called `statistics` or `resolved`.
    *tenant_paths("integrations/statistics", IntegrationStatistics),
    *tenant_paths("integrations/resolved/<str:slot>", ResolvedIntegration),
    platform_path("integrations/items/<uuid:integration>/actions", IntegrationActionList),
    platform_path("integrations/items/<uuid:integration>/actions/<str:action>", IntegrationActionRun),
    v1_path("integrations/<uuid:integration>/actions", IntegrationActionList),
    v1_path("integrations/<uuid:integration>/actions/<str:action>", IntegrationActionRun),
    platform_path("integrations/items/<uuid:integration>/test", ConnectionTestOfItem),
    v1_path("integrations/<uuid:integration>/test", ConnectionTestOfItem),
    # No slot is called `test` either.
    *tenant_paths("integrations/test", ConnectionTestOfValues),
    path("platform/tenants/<str:tenant>/integrations", IntegrationMapView.as_view()),
    path("platform/tenants/<str:tenant>/integrations/<str:slot>", IntegrationSlotView.as_view()),
    platform_path("integrations/<str:slot>/test", ConnectionTestOfSlot),
    *tenant_paths("oauth/<str:provider>/start", OAuthStartView),
    *tenant_paths("api-keys", APIKeyList),
    *tenant_paths("api-keys/<uuid:key>", APIKeyDetail),
    *tenant_paths("api-keys/<uuid:key>/rotate", APIKeyRotation),
    *tenant_paths("api-keys/<uuid:key>/usage", APIKeyUsageView),
]
