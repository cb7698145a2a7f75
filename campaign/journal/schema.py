"""The tables of the journal and the triggers that guard them.

In: a dialect name.  Out: tables (SQLAlchemy Core) and DDL text.  Touches: nothing.

`recipients` is frozen when planned.  `history` is the journal proper: a log that only grows, one
line per change, in the order they became durable.  `standings` is its sum, one narrow row per
recipient, and follows by a trigger: nothing can change a state without a line in the log, nor
write a line that the table of states does not allow.  Doubt is part of that sum: it is counted
when it comes up, and stays until a log settles it, whatever else happens to the recipient.  The
view `letters` is for those who read: a recipient's standing with its latest change and the last
reply written out.

Nothing leaves these tables, but for what an open campaign has put into an archive (`archiving`):
rows that `rotating` names, which the triggers let in there only if they are settled, and out of the
other tables only if they are in there.  `rotated` adds up what has left, and never goes down.
"""

from __future__ import annotations

from campaign.database.sql import (
    BigInteger,
    CheckConstraint,
    Column,
    Dialect,
    Double,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    text,
)
from campaign.journal.states import ARCHIVABLE, IN_DOUBT, MAX_RESENDS, NOT_TAKEN, legal_sql
from campaign.records import State

LISTED_DOMAINS = 20_000  # that a plan keeps count of

metadata = MetaData()


def _text(name: str) -> Column[str]:
    return Column(name, Text, nullable=False, server_default="")


def _integer(name: str) -> Column[int]:
    return Column(name, Integer, nullable=False, server_default=text("0"))


def _big(name: str) -> Column[int]:
    return Column(name, BigInteger, nullable=False, server_default=text("0"))


def _real(name: str) -> Column[float]:
    return Column(name, Double, nullable=False, server_default=text("0"))


def _number(name: str, *, counts: bool = False) -> Column[int]:
    """An INTEGER PRIMARY KEY is the table's own key in SQLite: no second tree."""
    kind = BigInteger().with_variant(Integer, "sqlite")
    return Column(name, kind, primary_key=True, autoincrement=counts)


meta = Table("meta", metadata, Column("name", Text, primary_key=True), _text("value"))

plan = Table(
    "plan",
    metadata,
    Column("plan_id", Text, primary_key=True),
    _text("campaign"),
    Column("key", LargeBinary, nullable=False),
    _real("date_s"),
    _real("created_s"),
    _text("message_id_domain"),
    _text("hashes"),  # JSON object, file -> SHA-256
)

sources = Table(
    "sources",
    metadata,
    Column("source", Integer, primary_key=True, autoincrement=False),
    _text("name"),
    _text("columns"),  # JSON array
    _text("encoding"),
    Column("confidence", Double),
    _text("delimiter"),
    _text("sha256"),
)

recipients = Table(
    "recipients",
    metadata,
    _number("row"),
    _integer("source"),
    _integer("line"),  # of the file
    _text("address"),
    _text("key"),
    _text("domain"),
    _text("data"),  # JSON array of the cells; of a group, then an array of [source, cells]
    _text("reason"),  # of a row the list's cleaning rejected
    _text("group_key"),  # rows with the same one are one message
)

snapshots = Table(
    "snapshots",
    metadata,
    _number("row"),
    _text("snapshot"),  # what the recipient's own attachments were when planned
)

# Rows of a person who stands in an earlier row too: each has a letter of its own (REPEAT).
repeats = Table("repeats", metadata, _number("row"))

# Of an open campaign: until when a letter may go, and the Message-IDs that applications wrote.
deadlines = Table("deadlines", metadata, _number("row"), _real("expires_s"))
own_ids = Table("own_ids", metadata, _number("row"), _text("message_id"))

suppressed = Table(
    "suppressed",
    metadata,
    Column("key", Text, primary_key=True),
    sqlite_with_rowid=False,
)

standings = Table(
    "standings",
    metadata,
    _number("row"),
    _text("state"),
    _big("change"),  # the latest line of history; 0: none yet
    _big("answer"),  # the latest line of history with a reply; 0: none yet
    _integer("attempts"),
    _integer("sendings"),
    _integer("resends"),
    _real("due"),
    _real("first_at"),
    _integer("doubts"),  # copies of which nobody knows whether they were accepted
    _real("date_s"),  # the Date of the message whose dot was first permitted; 0: none was
)

history = Table(
    "history",
    metadata,
    _number("change", counts=True),
    Column("row", BigInteger, nullable=False),
    _text("state"),
    _real("at"),
    _integer("attempts"),
    _integer("sendings"),
    _integer("resends"),
    _real("due"),
    _text("reason"),
    _text("class"),
    _integer("code"),
    _text("enhanced"),
    _text("reply"),
    _text("relay"),
    _real("date_s"),
)

totals = Table(  # one row: how many stand where, so that nobody has to count them to know
    "totals",
    metadata,
    _number("id"),
    *(_big(state) for state in State),
    *(CheckConstraint(f"{state} >= 0", name=f"totals_{state}") for state in State),
)

# Rows that leave for an archive, within one transaction; `change` is their last one there.
rotating = Table("rotating", metadata, _number("row"), _big("change"))

rotated = Table(  # what left, and into which file
    "rotated",
    metadata,
    Column("file", Text, primary_key=True),
    Column("source", Integer, primary_key=True, autoincrement=False),
    Column("state", Text, primary_key=True),
    _big("letters"),
    _big("changes"),  # lines of history
    _text("digest"),  # the sum of theirs, see `archiving.letters`
)

domains = Table(  # of the plan, most recipients first; who is skipped does not count
    "domains",
    metadata,
    _number("place"),
    _text("domain"),
    _integer("recipients"),
)

runs = Table(
    "runs",
    metadata,
    _number("run", counts=True),
    _text("host"),
    _text("boot_id"),
    _integer("pid"),
    _real("started_s"),
    _real("ended_s"),  # 0: still running, or killed
    _text("how"),
    _text("inode"),  # of the file: a copy has another
)

# On a server.  Beside a file they have a file of their own: see `writing.events`.
events_metadata = MetaData()
events = Table(
    "events",
    events_metadata,
    _number("seq", counts=True),  # in the order they were told
    Column("digest", Text, nullable=False, unique=True),
    Column("row", BigInteger, nullable=False),
    _real("at"),
    _text("kind"),
    _text("class"),
    _text("evidence"),
    _text("source"),
    _text("message_id"),
)
EVENT_INDEX = "CREATE INDEX IF NOT EXISTS events_row ON events (row)"

# As text, which both databases read: for the WHERE of an Index, SQLAlchemy would import them both.
INDEXES = (
    "CREATE INDEX recipients_rejected ON recipients (row) WHERE reason <> ''",
    "CREATE INDEX recipients_group ON recipients (group_key) WHERE group_key <> ''",
    "CREATE INDEX standings_due ON standings (due) WHERE state = 'deferred'",
)

# Made when an open campaign first rotates its journal: a letter's lines are found by it.
ROTATION_INDEX = 'CREATE INDEX IF NOT EXISTS history_row ON history ("row")'

LETTERS = """CREATE VIEW letters AS SELECT s."row", s.state, s.attempts, s.sendings, s.resends,
    s.due, s.first_at, CASE WHEN s.state = 'sent' THEN h.at ELSE 0 END AS sent_at,
    COALESCE(h.at, 0) AS updated_at, COALESCE(h.reason, '') AS reason,
    COALESCE(h.class, '') AS class, COALESCE(a.code, 0) AS code,
    COALESCE(a.enhanced, '') AS enhanced, COALESCE(a.reply, '') AS reply,
    COALESCE(a.relay, '') AS relay, s.doubts, s.date_s
    FROM standings s LEFT JOIN history h ON h.change = s.change
    LEFT JOIN history a ON a.change = s.answer"""


def _is_settling(change: str, state_before: str) -> str:
    """Whether a change settles a doubt: a log shows the copy, or shows that there is none."""
    return (
        f"(({change}.state = 'sent' AND {state_before} <> 'sending')"
        f" OR {change}.class = '{NOT_TAKEN}')"
    )


_UNFINISHED = "NOT EXISTS (SELECT 1 FROM meta WHERE name = 'finished')"
_BIRTH = "NEW.state = 'planned' AND NEW.change = 0 AND NEW.sendings = 0 AND NEW.resends = 0"
_CHANGE = f"""({legal_sql("OLD.state", "NEW.state", "OLD.doubts > 0")})
    AND NEW."row" = OLD."row" AND NEW.change > OLD.change
    AND NEW.sendings = OLD.sendings + CASE WHEN NEW.state = 'sending' THEN 1 ELSE 0 END
    AND (NEW.resends = OLD.resends OR NEW.resends = OLD.resends + 1)
    AND (NEW.state <> 'deferred' OR NEW.resends <= {MAX_RESENDS} OR NEW.resends = OLD.resends)
    AND EXISTS (SELECT 1 FROM history h WHERE h.change = NEW.change AND h."row" = NEW."row"
    AND h.state = NEW.state AND (h.state <> 'sent' OR (h.code >= 200 AND h.code < 300))
    AND (NEW.doubts >= OLD.doubts OR {_is_settling("h", "OLD.state")}))"""
_SUM_UP = f"""UPDATE standings SET state = NEW.state, change = NEW.change,
    answer = CASE WHEN NEW.code <> 0 THEN NEW.change ELSE answer END,
    attempts = NEW.attempts, sendings = NEW.sendings, resends = NEW.resends, due = NEW.due,
    first_at = CASE WHEN NEW.state = 'planned' THEN 0
    WHEN first_at = 0 AND (NEW.state = 'sending' OR NEW.relay <> '')
    THEN NEW.at ELSE first_at END,
    doubts = CASE WHEN NEW.class = '{IN_DOUBT}' THEN doubts + 1
    WHEN {_is_settling("NEW", "state")} THEN 0 ELSE doubts END,
    date_s = CASE WHEN NEW.state = 'planned' AND doubts = 0 THEN 0
    WHEN date_s = 0 THEN NEW.date_s ELSE date_s END
    WHERE "row" = NEW."row";"""


# Of letters `l`, and in place of the one made from the plan, their own Message-ID; "" of most.
OWN_ID = "COALESCE((SELECT o.message_id FROM own_ids o WHERE o.row = {}.row), '')"

# `Job.repeat` of the recipients `r`, and the join it needs.
REPEAT = "COALESCE('#' || n.row, '')"
REPEATS = "LEFT JOIN repeats n ON n.row = r.row"


def suppressing(dialect: Dialect) -> str:
    """The statement that takes in one more who must not be written to, known or not."""
    sign = "%s" if dialect.paramstyle == "format" else "?"
    return f'INSERT INTO suppressed ("key") VALUES ({sign}) ON CONFLICT DO NOTHING'


REFUSED = "the table of states does not allow this change"
FROZEN = "this part of the journal is never changed"
NO_ROW = "the plan has no such row"
UNSETTLED = "a letter that is not settled for good does not leave the journal"

# What an amendment added may go while it is not finished.
_AMENDED = (
    "EXISTS (SELECT 1 FROM meta WHERE name = 'amended_from'"
    ' AND OLD."row" > CAST(value AS INTEGER))'
)

_ROTATING = 'EXISTS (SELECT 1 FROM rotating t WHERE t."row" = OLD."row")'
_LEAVES = f"{_AMENDED} OR {_ROTATING}"
# The last letter and the last change stay, so that numbers are never given twice.
_MAY_LEAVE = f"""EXISTS (SELECT 1 FROM standings s WHERE s."row" = NEW."row"
    AND s.change = NEW.change AND s.doubts = 0
    AND ({" OR ".join(f"s.state = '{state}'" for state in ARCHIVABLE)}))
    AND NEW."row" < (SELECT max("row") FROM recipients)
    AND NEW.change < (SELECT max(change) FROM history)"""
_GROWS = """NEW.file = OLD.file AND NEW.source = OLD.source AND NEW.state = OLD.state
    AND NEW.letters >= OLD.letters AND NEW.changes >= OLD.changes"""

# name, event, table, what must be true, otherwise the message
_GUARDS = (
    ("standings_change", "UPDATE", "standings", _CHANGE, REFUSED),
    ("standings_birth", "INSERT", "standings", _BIRTH, REFUSED),
    ("standings_death", "DELETE", "standings", _LEAVES, FROZEN),
    ("history_change", "UPDATE", "history", "1 = 0", FROZEN),
    ("history_death", "DELETE", "history", _LEAVES, FROZEN),
    ("recipients_change", "UPDATE", "recipients", _UNFINISHED, FROZEN),
    ("recipients_death", "DELETE", "recipients", _LEAVES, FROZEN),
    ("rotating_birth", "INSERT", "rotating", _MAY_LEAVE, UNSETTLED),
    ("rotating_change", "UPDATE", "rotating", "1 = 0", FROZEN),
    ("rotated_change", "UPDATE", "rotated", _GROWS, FROZEN),
    ("rotated_death", "DELETE", "rotated", "1 = 0", FROZEN),
)


def guards(dialect: str) -> list[str]:
    """DDL of the triggers."""
    return _postgresql_guards() if dialect == "postgresql" else _sqlite_guards()


def guard_names() -> set[str]:
    """The names of the triggers."""
    return {name for name, *_ in _GUARDS} | {"history_told"}


def without_guards(dialect: str) -> list[str]:
    """DDL that takes the triggers away, for a migration that writes them anew."""
    on = " ON {}" if dialect == "postgresql" else ""
    named = [(name, table) for name, _, table, _, _ in _GUARDS] + [("history_told", "history")]
    return [f"DROP TRIGGER IF EXISTS {name}{on.format(table)}" for name, table in named]


def _sqlite_guards() -> list[str]:
    made = [
        f"CREATE TRIGGER {name} BEFORE {event} ON {table} WHEN NOT ({condition})"
        f" BEGIN SELECT RAISE(ABORT, '{message}'); END"
        for name, event, table, condition, message in _GUARDS
    ]
    told = (
        f"CREATE TRIGGER history_told AFTER INSERT ON history BEGIN {_SUM_UP}"
        f" SELECT RAISE(ABORT, '{NO_ROW}') WHERE changes() = 0; END"
    )
    return [*made, told]


def _postgresql_guards() -> list[str]:
    made = []
    for name, event, table, condition, message in _GUARDS:
        made += _function_and_trigger(
            name,
            f"BEFORE {event} ON {table}",
            f"IF NOT ({condition}) THEN {_raise(message)} END IF;"
            f" RETURN {'OLD' if event == 'DELETE' else 'NEW'};",
        )
    told = f"{_SUM_UP} IF NOT FOUND THEN {_raise(NO_ROW)} END IF; RETURN NULL;"
    return made + _function_and_trigger("history_told", "AFTER INSERT ON history", told)


def _function_and_trigger(name: str, when: str, body: str) -> list[str]:
    return [
        f"CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS"
        f" $$ BEGIN {body} END $$",
        f"CREATE TRIGGER {name} {when} FOR EACH ROW EXECUTE FUNCTION {name}()",
    ]


def _raise(message: str) -> str:
    return f"RAISE EXCEPTION '{message}' USING ERRCODE = 'check_violation';"
