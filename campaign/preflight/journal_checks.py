"""The journal's server: does it keep what it acknowledges, here and after a failover?

In: the campaign's journal.  Out: findings.  Touches: the journal, for reading.

A pooler that lends sessions out is no finding: the journal is not even opened through it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

from campaign.config.loader import Campaign
from campaign.journal.reading.reader import Reader
from campaign.preflight.rules import CheckFinding

_ASKED = (
    "SELECT current_setting('fsync'), current_setting('full_page_writes'), pg_is_in_recovery(),"
    " (SELECT count(*) FROM pg_stat_replication), current_setting('synchronous_standby_names')"
)


def journal_findings(campaign: Campaign) -> Iterator[CheckFinding]:
    """Of the server as it is now.  Raises JournalError."""
    url, folder = campaign.journal
    if url.startswith("sqlite:"):
        yield CheckFinding("journal-commits", "ok", "a file, and each commit waits for the disk")
        yield CheckFinding("journal-standbys", "ok", "a file has none")
        return
    with closing(Reader.open(url, folder)) as reader:
        (found,) = reader.ask(_ASKED)
    fsync, full_pages, is_standby, standbys, named = found
    yield _commits(str(fsync), str(full_pages))
    yield _standbys(bool(is_standby), int(standbys), str(named))


def _commits(fsync: str, full_pages: str) -> CheckFinding:
    evidence = f"fsync = {fsync}, full_page_writes = {full_pages}"
    if fsync != "on":
        remedy = "fsync = on in postgresql.conf: a loss of power may undo any commit, and then who"
        return CheckFinding("journal-commits", "fail", evidence, f"{remedy} was sent to is unknown")
    if full_pages != "on":
        remedy = "full_page_writes = on, unless the file system never writes half a page (ZFS)"
        return CheckFinding("journal-commits", "warn", evidence, remedy)
    asked = "each session asks for synchronous_commit = on and is refused without it"
    return CheckFinding("journal-commits", "ok", f"{evidence}; {asked}")


def _standbys(is_standby: bool, standbys: int, named: str) -> CheckFinding:
    if is_standby:
        return CheckFinding(
            "journal-standbys",
            "fail",
            "the url of [journal] leads to a standby, which nobody can write to",
            "name the primary; libpq finds it with target_session_attrs=read-write",
        )
    if not standbys:
        return CheckFinding("journal-standbys", "ok", "no standby is connected to the server")
    many = "1 standby is" if standbys == 1 else f"{standbys:,} standbys are"
    if named:
        evidence = f"{many} connected, and commits wait for {named}"
        return CheckFinding("journal-standbys", "ok", evidence)
    return CheckFinding(
        "journal-standbys",
        "warn",
        f"{many} connected, and commits wait for none (synchronous_standby_names is empty)",
        "synchronous_standby_names = '*': a failover forgets the last outcomes otherwise, and those"
        " letters go again; after one, `campaign audit` names what emergency files know",
    )
