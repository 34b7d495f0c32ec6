"""This app's addresses below `/api/`."""

from __future__ import annotations

from django.urls import path

from analytics.alerts.api.alerts import AlertList, PlatformAlertList
from analytics.alerts.api.channels import (
    ChannelDetail,
    ChannelList,
    ChannelTest,
    PlatformChannelDetail,
    PlatformChannelList,
    PlatformChannelTest,
)
from analytics.alerts.api.rules import PlatformRuleDetail, PlatformRuleList, RuleDetail, RuleList
from integrations.api.audience import tenant_paths

urlpatterns = [
    path("platform/alerts", PlatformAlertList.as_view()),
    path("platform/alert-rules", PlatformRuleList.as_view()),
    path("platform/alert-rules/<uuid:rule>", PlatformRuleDetail.as_view()),
    path("platform/alert-channels", PlatformChannelList.as_view()),
    path("platform/alert-channels/<uuid:channel>", PlatformChannelDetail.as_view()),
    path("platform/alert-channels/<uuid:channel>/test", PlatformChannelTest.as_view()),
    *tenant_paths("alerts", AlertList),
    *tenant_paths("alert-rules", RuleList),
    *tenant_paths("alert-rules/<uuid:rule>", RuleDetail),
    *tenant_paths("alert-channels", ChannelList),
    *tenant_paths("alert-channels/<uuid:channel>", ChannelDetail),
    *tenant_paths("alert-channels/<uuid:channel>/test", ChannelTest),
]
