"""Connecting Zoho CRM."""

from __future__ import annotations

from integrations.providers.zoho_oauth2 import zoho_oauth2

oauth2 = zoho_oauth2(
    "ZohoCRM.modules.contacts.READ",
    "ZohoCRM.modules.deals.READ",
    "ZohoCRM.modules.cases.READ",
    "ZohoCRM.org.READ",
    "ZohoCRM.users.READ",
    "ZohoCRM.coql.READ",
)
