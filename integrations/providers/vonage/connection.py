"""Testing Vonage credentials: the account's balance must be readable.

Key and secret go by HTTP Basic, as the current SDKs send them: in a query, which the older description wants, they would
stand in the logs of every proxy.
"""

from __future__ import annotations

from typing import Final

from integrations.encryption.masking import mask
from integrations.providers.client import ProviderClient, basic
from integrations.providers.connection_test import ConnectionReport
from integrations.providers.values import Values

BALANCE: Final = "https://rest.nexmo.com/account/get-balance"


def read_balance(client: ProviderClient, values: Values) -> ConnectionReport:
    """Read the balance; sends nothing."""
    headers = {"Authorization": basic(values["api_key"], values["api_secret"]), "Accept": "application/json"}
    answer = client.get(BALANCE, headers=headers)
    found = answer.json_object()
    balance = found.get("value")
    if isinstance(balance, bool) or not isinstance(balance, int | float):
        raise answer.unexpected("it names no balance")
    account = f"Account {mask(values['api_key'])}"
    message = f"Connected; the balance is {balance:.2f}."
    if balance <= 0:
        message = f"Connected, but the balance is {balance:.2f}: nothing will be sent."
    return ConnectionReport(
        identity=account,
        data={"balance": balance, "auto_reload": found.get("autoReload") is True},
        message=message,
    )
