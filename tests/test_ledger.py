import multiprocessing
import sqlite3
import threading

import pytest

from mtrl_judge_plugin.ledger import Entry, Ledger, LedgerError


def entries(start, stop, **changes):
    return [Entry(f"k{number}", "m", "p", reply=f"r{number}", **changes) for number in range(start, stop)]


def test_what_was_written_is_read_back_whole(tmp_path):
    entry = Entry("k", "m", "[]", "reply", "why", "yes", True, {"yes": 0.75, "no": 0.25}, 3, 4, 0.5)
    Ledger(tmp_path / "a" / "ledger.sqlite").put([entry])
    assert Ledger(tmp_path / "a" / "ledger.sqlite").get(["k", "other"]) == {"k": entry}


def test_half_a_surrogate_pair_is_stored_as_well_as_it_can_be(tmp_path):
    ledger = Ledger(tmp_path / "ledger.sqlite")
    ledger.put([Entry("k", "m", "p", reply="a\ud83d b")])
    assert ledger.get(["k"])["k"].reply == "a? b"


def test_a_ledger_of_an_earlier_version_opens_and_learns_of_logprobs(tmp_path):
    path = tmp_path / "ledger.sqlite"
    with sqlite3.connect(path) as connection:
        connection.execute(
            "CREATE TABLE judgments (key TEXT PRIMARY KEY, model TEXT, prompt TEXT, reply TEXT, reasoning TEXT, "
            "verdict TEXT, forced INTEGER, probabilities TEXT, prompt_tokens INTEGER, completion_tokens INTEGER, "
            "seconds REAL, error TEXT, times INTEGER NOT NULL DEFAULT 1, written REAL)"
        )
        connection.execute(
            "INSERT INTO judgments VALUES ('old', 'm', 'p', 'r', '', 'r', 0, NULL, 1, 2, 0.5, NULL, 1, 0)"
        )
    old = Entry("old", "m", "p", reply="r", verdict="r", prompt_tokens=1, completion_tokens=2, seconds=0.5)
    new = Entry("new", "m", "p", reply="é", verdict="é", logprobs=(("", -0.5), ("é", 0.0)))
    Ledger(path).put([new])
    assert Ledger(path).get(["old", "new"]) == {"old": old, "new": new}


def test_failures_are_a_log_only_and_a_second_try_replaces_them(tmp_path):
    ledger = Ledger(tmp_path / "ledger.sqlite")
    ledger.put([Entry("k", "m", "p", error="no connection")])
    assert ledger.get(["k"]) == {}
    ledger.put([Entry("k", "m", "p", reply="fine")])
    assert ledger.get(["k"])["k"].reply == "fine"
    with sqlite3.connect(ledger.path) as connection:
        assert connection.execute("SELECT times, error FROM judgments").fetchall() == [(2, None)]


def test_a_failure_does_not_replace_what_another_process_has_judged(tmp_path):
    ours, theirs = Ledger(tmp_path / "ledger.sqlite"), Ledger(tmp_path / "ledger.sqlite")
    theirs.put(entries(0, 1))
    ours.put([Entry("k0", "m", "p", error="timeout")])
    assert ours.get(["k0"])["k0"].reply == "r0"


def test_more_keys_than_one_statement_holds(tmp_path):
    ledger = Ledger(tmp_path / "ledger.sqlite")
    ledger.put(entries(0, 3000))
    assert len(ledger.get(f"k{number}" for number in range(4000))) == 3000


def _write(path, start):
    ledger = Ledger(path)
    threads = [threading.Thread(target=ledger.put, args=([entry],)) for entry in entries(start, start + 25)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_several_processes_of_several_threads_lose_nothing(tmp_path):
    path = tmp_path / "ledger.sqlite"
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_write, args=(path, start)) for start in (0, 25, 50, 75)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
        assert worker.exitcode == 0
    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT count(*), max(times) FROM judgments").fetchone() == (100, 1)
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


@pytest.mark.parametrize("content", [b"not a database, but longer than a header of one" * 50, None])
def test_a_path_that_cannot_be_a_ledger_is_named_with_the_way_out(tmp_path, content):
    path = tmp_path / "taken"
    if content is None:
        path.mkdir()
    else:
        path.write_bytes(content)
    with pytest.raises(LedgerError, match=r"ledger=.*taken.*ledger=none"):
        Ledger(path)
    if content is not None:
        assert path.read_bytes() == content
