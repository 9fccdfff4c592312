"""The ledger: one SQLite file that is cache and log at once. A killed run resumes from it and judges nothing twice.

WAL mode and short transactions make it safe for several threads and processes on one machine.
"""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import platformdirs


@dataclass(frozen=True)
class Entry:
    """One judgment, as it is stored.

    Attributes:
        key: digest of everything that determines the reply.
        model: what judged, for people to read.
        prompt: the messages as JSON, each image replaced by its digest.
        reply: the whole reply, reasoning included.
        reasoning: the reasoning alone.
        verdict: the answer, or the visible part of a free-form reply; None where there is none.
        forced: the reasoning was cut off, and the answer asked for separately.
        probabilities: choice -> probability, or None.
        prompt_tokens, completion_tokens: as the engine counted them.
        seconds: from asking the engine to having the reply (wall clock; shared by a batch).
        error: why it failed, or None. Entries with an error are a log only: a rerun tries them again.
        logprobs: (text, log-probability) of the verdict's tokens, as they were generated, or None.
    """

    key: str
    model: str
    prompt: str
    reply: str = ""
    reasoning: str = ""
    verdict: str | None = None
    forced: bool = False
    probabilities: Mapping[str, float] | None = None
    prompt_tokens: int = 0
    completion_tokens: int = 0
    seconds: float = 0.0
    error: str | None = None
    logprobs: Sequence[tuple[str, float]] | None = None


_COLUMNS = [field.name for field in fields(Entry)]
_SCHEMA = """
CREATE TABLE IF NOT EXISTS judgments (
    key TEXT PRIMARY KEY, model TEXT, prompt TEXT, reply TEXT, reasoning TEXT, verdict TEXT, forced INTEGER,
    probabilities TEXT, prompt_tokens INTEGER, completion_tokens INTEGER, seconds REAL, error TEXT,
    times INTEGER NOT NULL DEFAULT 1,  -- how often the engine judged it: 1, unless a failed one was tried again
    written REAL,                      -- seconds since 1970
    logprobs TEXT                      -- [[token, log-probability], ...] of the verdict
)"""
_UPSERT = (
    f"INSERT INTO judgments ({', '.join(_COLUMNS)}, written) VALUES ({', '.join('?' * (len(_COLUMNS) + 1))}) "
    "ON CONFLICT(key) DO UPDATE SET times = times + 1, written = excluded.written, "
    + ", ".join(f"{name} = excluded.{name}" for name in _COLUMNS[1:])
    # What another process has judged in the meantime is not lost to a failure of this one.
    + " WHERE judgments.error IS NOT NULL OR excluded.error IS NULL"
)
_CHUNK = 500  # SQLite limits the number of variables in one statement


class LedgerError(OSError):
    """The ledger file cannot be opened or written; the message names it."""


def default_path() -> Path:
    """Where judgments are kept if no `ledger=` says otherwise: the user's cache folder."""
    return Path(platformdirs.user_cache_dir("mtrl-judge")) / "ledger.sqlite"


class Ledger:
    """A cache and log of judgments in one file.

    Args:
        path: the file; it and its folder are made if they are missing.

    Raises:
        LedgerError: the path cannot be written, or holds something else than a ledger.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path).expanduser()
        self._local = threading.local()
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self._connection() as connection:
                connection.execute(_SCHEMA)
                connection.execute("SELECT times FROM judgments LIMIT 1")
                _add_logprobs(connection)
        except (OSError, sqlite3.Error) as error:
            raise LedgerError(
                f"ledger={self.path}: {error}; give another file, or ledger=none to keep no record"
            ) from error

    def get(self, keys: Iterable[str]) -> dict[str, Entry]:
        """The finished judgments among these keys (those that failed are left out)."""
        wanted = list(dict.fromkeys(keys))
        found: dict[str, Entry] = {}
        for start in range(0, len(wanted), _CHUNK):
            chunk = wanted[start : start + _CHUNK]
            query = (
                f"SELECT {', '.join(_COLUMNS)} FROM judgments WHERE error IS NULL "
                f"AND key IN ({', '.join('?' * len(chunk))})"
            )
            found |= {row[0]: _entry(row) for row in self._connection().execute(query, chunk)}
        return found

    def put(self, entries: Sequence[Entry]) -> None:
        """Write judgments in one transaction; a key that stands already is replaced and its `times` raised."""
        rows = [_row(entry) for entry in entries]
        try:
            with self._connection() as connection:
                connection.executemany(_UPSERT, rows)
        except sqlite3.Error as error:
            raise LedgerError(f"ledger={self.path}: cannot write: {error}") from error

    def _connection(self) -> sqlite3.Connection:
        # One connection a thread: sqlite3 objects may not be shared, and WAL lets them all read while one writes.
        connection = getattr(self._local, "connection", None)
        if connection is None:
            connection = sqlite3.connect(self.path, timeout=60)
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=NORMAL")
            self._local.connection = connection
        return connection


def _add_logprobs(connection: sqlite3.Connection) -> None:
    """A ledger of an earlier version has no such column; its judgments have none."""
    if any(row[1] == "logprobs" for row in connection.execute("PRAGMA table_info(judgments)")):
        return
    try:
        connection.execute("ALTER TABLE judgments ADD COLUMN logprobs TEXT")
    except sqlite3.OperationalError as error:
        if "duplicate column" not in str(error):  # another process was faster
            raise


def _row(entry: Entry) -> tuple[Any, ...]:
    values = asdict(entry)
    for name in ("probabilities", "logprobs"):
        values[name] = json.dumps(values[name]) if values[name] is not None else None
    # Half a surrogate pair, as a server may send it, is no text that SQLite can store.
    values = {
        name: value.encode("utf-8", "replace").decode() if isinstance(value, str) else value
        for name, value in values.items()
    }
    return (*(values[name] for name in _COLUMNS), time.time())


def _entry(row: Sequence[Any]) -> Entry:
    values = dict(zip(_COLUMNS, row, strict=True))
    values["forced"] = bool(values["forced"])
    values["probabilities"] = json.loads(values["probabilities"]) if values["probabilities"] else None
    if values["logprobs"]:
        values["logprobs"] = tuple((text, logprob) for text, logprob in json.loads(values["logprobs"]))
    return Entry(**values)
