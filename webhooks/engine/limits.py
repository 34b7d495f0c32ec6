"""The engine's figures, for one process."""

from __future__ import annotations

from typing import Final

# Requests on the wire at once. High enough that a dozen hanging endpoints (16 places each) do not fill it.
MAX_IN_FLIGHT: Final = 512
# Rows leased at once: waiting here, on the wire, or sent and not yet recorded. It bounds memory, and what is sent twice
# after a crash, which is what is on the wire or was not recorded yet.
MAX_LEASED: Final = 2048
MAX_WAITING_BYTES: Final = 64 * 1024 * 1024
# Rows of one claim, of one tenant in it at least, and held for a webhook as a multiple of its places.
CLAIM_ROWS: Final = 512
MIN_TENANT_ROWS: Final = 16
PREFETCH: Final = 4
# Seconds between looks into an idle queue; into one that had some rows a moment ago (half the wait of a steady flow, for
# 3 % of a core); and between claims that did not fill up.
POLL_SECONDS: Final = 0.05
BUSY_POLL_SECONDS: Final = 0.02
MIN_CLAIM_PAUSE: Final = 0.005
# Outcomes are recorded together: so many, or so many seconds after the batch before. What a transaction costs whatever is
# in it (totals and rollups of each webhook, commit) is shared by all.
BATCH_ROWS: Final = 1000
BATCH_SECONDS: Final = 0.05
# Heartbeats; an engine silent for longer has lost its leases, and stops sending a little earlier by itself.
HEARTBEAT_SECONDS: Final = 5.0
SILENT_AFTER_SECONDS: Final = 20.0
LEASE_SURE_SECONDS: Final = 15.0
# Leases that nobody here knows of (the answer to a claim was lost) are given back this often.
RECONCILE_SECONDS: Final = 10.0
FIRST_BACK_OFF: Final = 0.1
LONGEST_BACK_OFF: Final = 5.0
# How long the last records may take when the engine stops, beside the grace for what is on the wire.
FLUSH_SECONDS: Final = 5.0
# A delivery that hit a fault of Signalbox itself, or found no key to read its webhook with, waits so long.
FAULT_DELAY_SECONDS: Final = 60.0
KEY_NOT_AT_HAND_DELAY_SECONDS: Final = 30.0
