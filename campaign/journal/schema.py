"""The tables of the journal and the triggers that guard them.

In: a dialect name.  Out: tables (SQLAlchemy Core) and DDL text.  Touches: nothing.

`recipients` is frozen when planned.  `letters` is the state of each, narrow, touched twice per
message.  `history` gets every change of `letters` from a trigger and nothing is ever taken away
from it, so no program can change a state without leaving a trace.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Double,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    text,
)

from campaign.journal.states import BORN, MAX_RESENDS, legal_sql

FORMAT = "1"  # raised when an older program could misread the journal

metadata = MetaData()


def _text(name: str) -> Column[str]:
    return Column(name, Text, nullable=False, server_default="")


def _integer(name: str) -> Column[int]:
    return Column(name, Integer, nullable=False, server_default=text("0"))


def _real(name: str) -> Column[float]:
    return Column(name, Double, nullable=False, server_default=text("0"))


def _number(name: str) -> Column[int]:
    """An INTEGER PRIMARY KEY is the table's own key in SQLite: no second tree."""
    kind = BigInteger().with_variant(Integer, "sqlite")
    return Column(name, kind, primary_key=True, autoincrement=False)


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
    _integer("line"),
    _text("address"),
    _text("key"),
    _text("domain"),
    _text("data"),  # JSON array of the cells
    _text("reason"),  # of a row the list's cleaning rejected
)

suppressed = Table(
    "suppressed",
    metadata,
    Column("key", Text, primary_key=True),
    sqlite_with_rowid=False,
)

CHANGE = ("due", "reason", "class", "code", "enhanced", "reply", "relay")  # taken as they come

letters = Table(
    "letters",
    metadata,
    _number("row"),
    _text("state"),
    _integer("step"),  # how many changes it has seen: the number of its last line of history
    _integer("attempts"),
    _integer("sendings"),
    _integer("resends"),
    _real("due"),
    _real("first_at"),
    _real("sent_at"),
    _real("updated_at"),
    _text("reason"),
    _text("class"),
    _integer("code"),
    _text("enhanced"),
    _text("reply"),
    _text("relay"),
    Index(
        "letters_due",
        "due",
        sqlite_where=text("state = 'deferred'"),
        postgresql_where=text("state = 'deferred'"),
    ),
)

history = Table(
    "history",
    metadata,
    _number("row"),
    Column("step", Integer, primary_key=True),
    _real("at"),
    _text("state"),
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
    sqlite_with_rowid=False,
)

runs = Table(
    "runs",
    metadata,
    Column("run", Integer, primary_key=True),
    _text("host"),
    _text("boot_id"),
    _integer("pid"),
    _real("started_s"),
    _real("ended_s"),  # 0: still running, or killed
    _text("how"),
)

_HISTORY = "attempts, sendings, resends, due, reason, class, code, enhanced, reply, relay"
_INTO_HISTORY = (
    f'INSERT INTO history ("row", step, at, state, {_HISTORY}) VALUES '
    f'(NEW."row", NEW.step, NEW.updated_at, NEW.state, '
    + ", ".join(f"NEW.{name}" for name in _HISTORY.split(", "))
    + ");"
)
_CHANGE_IS_LEGAL = f"""({legal_sql("OLD.state", "NEW.state", "OLD.class")})
    AND NEW."row" = OLD."row" AND NEW.step = OLD.step + 1
    AND NEW.sendings = OLD.sendings + CASE WHEN NEW.state = 'sending' THEN 1 ELSE 0 END
    AND (NEW.resends = OLD.resends OR NEW.resends = OLD.resends + 1)
    AND (NEW.state <> 'deferred' OR NEW.resends <= {MAX_RESENDS} OR NEW.resends = OLD.resends)
    AND (NEW.state <> 'sent' OR (NEW.code >= 200 AND NEW.code < 300))"""
_BORN = " OR ".join(f"NEW.state = '{state}'" for state in sorted(BORN))
_BIRTH_IS_LEGAL = f"({_BORN}) AND NEW.step = 0 AND NEW.sendings = 0 AND NEW.resends = 0"

REFUSED = "the table of states does not allow this change"
FROZEN = "this part of the journal is never changed"

# name, event, table, condition under which the change is refused
_GUARDS = (
    ("letters_change", "UPDATE", "letters", f"NOT ({_CHANGE_IS_LEGAL})", REFUSED),
    ("letters_birth", "INSERT", "letters", f"NOT ({_BIRTH_IS_LEGAL})", REFUSED),
    ("letters_death", "DELETE", "letters", "", FROZEN),
    ("history_change", "UPDATE", "history", "", FROZEN),
    ("history_death", "DELETE", "history", "", FROZEN),
    ("recipients_change", "UPDATE", "recipients", "", FROZEN),
    ("recipients_death", "DELETE", "recipients", "", FROZEN),
)


def guards(dialect: str) -> list[str]:
    """DDL of the triggers; made last, since a plan is loaded in bulk without them."""
    return _postgresql_guards() if dialect == "postgresql" else _sqlite_guards()


def without_guards(dialect: str) -> list[str]:
    """DDL that takes the triggers away, to throw away an unfinished amendment."""
    on = " ON {}" if dialect == "postgresql" else ""
    named = [(name, table) for name, _, table, _, _ in _GUARDS] + [("letters_trace", "letters")]
    return [f"DROP TRIGGER IF EXISTS {name}{on.format(table)}" for name, table in named]


def _sqlite_guards() -> list[str]:
    made = [
        f"CREATE TRIGGER {name} BEFORE {event} ON {table}"
        + (f" WHEN {condition}" if condition else "")
        + f" BEGIN SELECT RAISE(ABORT, '{message}'); END"
        for name, event, table, condition, message in _GUARDS
    ]
    return [
        *made,
        f"CREATE TRIGGER letters_trace AFTER UPDATE ON letters BEGIN {_INTO_HISTORY} END",
    ]


def _postgresql_guards() -> list[str]:
    made = []
    for name, event, table, condition, message in _GUARDS:
        made.append(
            f"CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ "
            f"BEGIN RAISE EXCEPTION '{message}' USING ERRCODE = 'check_violation'; END $$"
        )
        when = f" WHEN ({condition})" if condition else ""
        made.append(
            f"CREATE TRIGGER {name} BEFORE {event} ON {table} FOR EACH ROW{when}"
            f" EXECUTE FUNCTION {name}()"
        )
    return [
        *made,
        "CREATE OR REPLACE FUNCTION letters_trace() RETURNS trigger LANGUAGE plpgsql AS $$ "
        f"BEGIN {_INTO_HISTORY} RETURN NULL; END $$",
        "CREATE TRIGGER letters_trace AFTER UPDATE ON letters FOR EACH ROW"
        " EXECUTE FUNCTION letters_trace()",
    ]
