"""Connecting Zoho Desk."""

from __future__ import annotations

from integrations.providers.zoho_oauth2 import zoho_oauth2

oauth2 = zoho_oauth2("Desk.tickets.READ", "Desk.contacts.READ", "Desk.search.READ", "Desk.basic.READ")
