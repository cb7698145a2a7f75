"""The door of SQLAlchemy: what the rooms that keep something may use of it.

In: nothing.  Out: names.  Touches: nothing.

SQLAlchemy makes the tables and their dialects, holds connections, and binds values into statements;
the statements are plain SQL, as both databases read it.  Its engines, and what differs between
SQLite and PostgreSQL when one is opened, stay in `engines`.  Other files of this program import
neither: what a new one needs is added here, where it is seen.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Connection,
    CursorResult,
    Double,
    Insert,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    TextClause,
    bindparam,
    insert,
    inspect,
    literal_column,
    text,
)
from sqlalchemy.engine import Dialect, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection, DBAPICursor
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

__all__ = [
    "BigInteger", "CheckConstraint", "Column", "Connection", "CursorResult", "DBAPIConnection",
    "DBAPICursor", "DBAPIError", "Dialect", "Double", "Insert", "Integer", "LargeBinary",
    "MetaData", "SQLAlchemyError", "Table", "Text", "TextClause", "bindparam", "insert", "inspect",
    "literal_column", "make_url", "text",
]  # fmt: skip
