"""This app's addresses below `/api/`: each for platform admins and for the tenant itself."""

from __future__ import annotations

from integrations.api.audience import tenant_paths
from integrations.messaging.api.messages import MessageDetail, MessageList, MessageSettle

urlpatterns = [
    *tenant_paths("messages", MessageList),
    *tenant_paths("messages/<str:message>", MessageDetail),
    *tenant_paths("messages/<str:message>/settle", MessageSettle),
]
