"""The table of states: which change of a recipient is possible, as data.

In: two states.  Out: yes or no, also as a SQL expression for the schema.  Touches: nothing.

The same table refuses a wrong change twice: in Python where it is written, and in the database
by a trigger made from `legal_sql`, which no program can go around.
"""

from __future__ import annotations

from campaign.records import SETTLED, ReplyClass, State

P, D, G, S, F = State.PLANNED, State.DEFERRED, State.SENDING, State.SENT, State.FAILED
K, E, C, H = State.SKIPPED, State.EXPIRED, State.CANCELLED, State.HELD

# from -> to.  An outcome can come without `sending`: a refusal before the dot is one.
LEGAL: dict[State, frozenset[State]] = {
    P: frozenset({G, D, F, K, E, C, H}),
    D: frozenset({G, D, F, K, E, C, H, P, S}),
    G: frozenset({S, F, D, H, E}),
    S: frozenset(),  # what was accepted stays accepted
    F: frozenset({P}),  # `retry --failed`
    K: frozenset({P}),  # a template was mended and the plan amended
    E: frozenset({P}),
    C: frozenset({P}),
    H: frozenset({P, S, F, C}),  # `retry --held`, or settled from the relay's log
}

# Accepted without a `sending` just before: only where a copy was in doubt, and a log settled it.
ONLY_FROM_DOUBT = frozenset({(D, S), (H, S)})

MAX_RESENDS = 2  # copies beyond the first that are sent without asking, for one recipient ever

IN_DOUBT = str(ReplyClass.IN_DOUBT)

UNSETTLED = tuple(state for state in State if state not in SETTLED)


def is_legal(before: State, after: State, *, in_doubt: bool = False) -> bool:
    """Whether a recipient may go from one state to the other.

    `in_doubt`: nobody knows yet whether the last copy was accepted.
    """
    if (before, after) in ONLY_FROM_DOUBT and not in_doubt:
        return False
    return after in LEGAL[before]


def legal_sql(before: str, after: str, class_before: str) -> str:
    """The table as a SQL expression over three column names, for SQLite and PostgreSQL.

    A chain of OR and not IN or CASE: SQLite builds a temporary index for every IN list, which
    makes one check five times as dear (4 µs against 0.8 µs).
    """
    ways = []
    for source, targets in LEGAL.items():
        if not targets:
            continue
        each = []
        for target in sorted(targets, key=list(State).index):
            doubt = (source, target) in ONLY_FROM_DOUBT
            also = f" AND {class_before} = '{IN_DOUBT}'" if doubt else ""
            each.append(f"{after} = '{target}'{also}")
        ways.append(f"({before} = '{source}' AND ({' OR '.join(each)}))")
    return " OR ".join(ways)
