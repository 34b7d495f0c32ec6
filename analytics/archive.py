"""Partitions as files: a JSON object for each row, one a line, compressed with gzip, and beside it its checksum.

A file is written under another name, made durable and renamed; its checksum (as `sha256sum --check` reads it) comes
last, so that an archive is finished if and only if its checksum is there. Rows are read in short pages along the id:
no transaction stays open while a file is written.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final
from uuid import UUID

from django.db import connection
from psycopg.sql import SQL, Identifier

from integrations.partitioning.partitions import Partition

PAGE_ROWS: Final = 2_000
_SUFFIX: Final = ".jsonl.gz"
_READ_BYTES: Final = 1 << 20


class ArchiveError(Exception):
    """The archive cannot be written. What is not in it was not removed."""


@dataclass(frozen=True, slots=True)
class _Contents:
    """By what a partition's rows are told from others': ids are never used twice."""

    rows: int
    first: str
    last: str


class Archive:
    """Archives in a folder that exists (`integrations.partitioning.partitions.PartitionArchive`)."""

    def __init__(self, folder: Path) -> None:
        if not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
            raise ArchiveError(f"{folder} is no folder that can be written to: make it, or name another.")
        self._folder = folder
        self._stored: dict[str, _Contents] = {}

    def store(self, partition: Partition) -> None:
        """Write the partition's rows into a file, unless a finished one has them. Raises ArchiveError.

        Where a finished file of this partition has other rows, as when a day got late ones after it was removed, the
        new file has a number in its name.
        """
        wanted = _contents_of_table(partition.name)
        try:
            for number in range(1, 1_000):
                path = self._folder / f"{partition.name}{'' if number == 1 else f'-{number}'}{_SUFFIX}"
                found = _contents_of_file(path) if _checksum_path(path).exists() else None
                if found is None:
                    found = _write(path, partition.name)
                elif found != wanted:
                    continue
                self._stored[partition.name] = found
                return
        except OSError as error:
            raise ArchiveError(
                f"{partition.name} could not be archived in {self._folder}: {error.strerror}."
            ) from error
        raise ArchiveError(f"{self._folder} has a thousand archives of {partition.name}.")

    def holds(self, partition: Partition) -> bool:
        """Whether the file has exactly the rows that are in the partition now."""
        return self._stored.get(partition.name) == _contents_of_table(partition.name)


def _write(path: Path, table: str) -> _Contents:
    rows, first, last = 0, "", ""
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with os.fdopen(_open_private(unfinished), "wb") as raw:
            hashed = _Hashing(raw)
            with gzip.GzipFile(filename="", mode="wb", fileobj=hashed, mtime=0, compresslevel=6) as file:
                for identifier, line in _lines(table):
                    file.write(line.encode() + b"\n")
                    rows, first, last = rows + 1, first or str(identifier), str(identifier)
            raw.flush()
            os.fsync(raw.fileno())
        unfinished.rename(path)
    finally:
        unfinished.unlink(missing_ok=True)
    _write_checksum(path, hashed.digest.hexdigest())
    return _Contents(rows, first, last)


def _write_checksum(path: Path, digest: str) -> None:
    checksum = _checksum_path(path)
    unfinished = checksum.with_name(f".{checksum.name}.{os.getpid()}")
    try:
        with os.fdopen(_open_private(unfinished), "wb") as file:
            file.write(f"{digest}  {path.name}\n".encode())
            file.flush()
            os.fsync(file.fileno())
        unfinished.rename(checksum)
    finally:
        unfinished.unlink(missing_ok=True)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _open_private(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)


def _lines(table: str) -> Iterator[tuple[UUID, str]]:
    """Yield each row's id and JSON text, by id, in pages of their own."""
    page = SQL("SELECT id, row_to_json(row)::text FROM {} AS row WHERE id > %s ORDER BY id LIMIT %s").format(
        Identifier(table)
    )
    after = UUID(int=0)
    while True:
        with connection.cursor() as cursor:
            cursor.execute(page, [after, PAGE_ROWS])
            rows = cursor.fetchall()
        yield from rows
        if len(rows) < PAGE_ROWS:
            return
        after = rows[-1][0]


def _contents_of_table(table: str) -> _Contents:
    ends = SQL("SELECT (SELECT id FROM {0} ORDER BY id LIMIT 1), (SELECT id FROM {0} ORDER BY id DESC LIMIT 1)")
    with connection.cursor() as cursor:
        cursor.execute(SQL("SELECT count(*) FROM {}").format(Identifier(table)))
        rows = int(cursor.fetchone()[0])
        cursor.execute(ends.format(Identifier(table)))
        first, last = cursor.fetchone()
    return _Contents(rows, str(first or ""), str(last or ""))


def _contents_of_file(path: Path) -> _Contents | None:
    """Return what a finished archive has; None for one that is not what its checksum says, and is written anew."""
    digest = hashlib.sha256()
    try:
        with path.open("rb") as raw:
            while block := raw.read(_READ_BYTES):
                digest.update(block)
    except FileNotFoundError:
        return None
    if not _checksum_path(path).read_text().startswith(digest.hexdigest()):
        return None
    rows, first, line = 0, b"", b""
    with gzip.open(path) as file:
        for line in file:
            first = first or line
            rows += 1
    return _Contents(rows, _id_of(first), _id_of(line))


def _id_of(line: bytes) -> str:
    return str(json.loads(line)["id"]) if line else ""


def _checksum_path(path: Path) -> Path:
    return path.with_name(f"{path.name}.sha256")


class _Hashing:
    """A file that hashes what is written to it."""

    def __init__(self, raw: BinaryIO) -> None:
        self._raw = raw
        self.digest = hashlib.sha256()

    def write(self, data: Any) -> int:
        self.digest.update(data)
        return self._raw.write(data)

    def flush(self) -> None:
        self._raw.flush()
