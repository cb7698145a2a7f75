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
    D: frozenset({G, D, F, K, E, C, H, P}),
    G: frozenset({S, F, D, H, E}),
    S: frozenset(),  # what was accepted stays accepted
    F: frozenset({P}),  # `retry --failed`
    K: frozenset({P}),  # a template was mended and the plan amended
    E: frozenset({P}),
    C: frozenset({P}),
    H: frozenset({P, F, C}),  # `retry --held`, or settled from the relay's log
}

# Only where a copy is in doubt.  A log that shows it settles it as sent, whatever came after the
# doubt; a log that covers the time and does not show it settles it as not taken, and whoever was
# given up stays so.
ONLY_FROM_DOUBT = frozenset(
    {(before, S) for before in (P, D, H, F, K, E, C)} | {(same, same) for same in (P, F, K, E, C)}
)

FORMAT = "4"  # of the journal; raised with each step in `migrations`

MAX_RESENDS = 2  # copies beyond the first that are sent without asking, for one recipient ever

IN_DOUBT = str(ReplyClass.IN_DOUBT)
NOT_TAKEN = str(ReplyClass.NOT_TAKEN)

UNSETTLED = tuple(state for state in State if state not in SETTLED)


def in_doubt(policy: str, resends: int) -> tuple[State, int]:
    """What becomes of a recipient whose last copy may have been accepted, and how often it was sent
    again with that.

    `policy`: "resend" sends it again, but never more than MAX_RESENDS times; "hold" holds it.
    """
    if policy == "resend" and resends < MAX_RESENDS:
        return D, resends + 1
    return H, resends


def is_legal(before: State, after: State, *, in_doubt: bool = False) -> bool:
    """Whether a recipient may go from one state to the other.

    `in_doubt`: nobody knows whether a copy was accepted, of the last sending or an earlier one.
    """
    return after in LEGAL[before] or (in_doubt and (before, after) in ONLY_FROM_DOUBT)


def legal_sql(before: str, after: str, in_doubt: str) -> str:
    """The table as a SQL expression over two column names and a condition, for both databases.

    A chain of OR and not IN or CASE: SQLite builds a temporary index for every IN list, which
    makes one check five times as dear (4 µs against 0.8 µs).
    """
    order = list(State).index
    ways = []
    for source in State:
        always = sorted(LEGAL[source], key=order)
        doubtful = sorted((b for a, b in ONLY_FROM_DOUBT if a is source), key=order)
        each = [f"{after} = '{target}'" for target in always]
        each += [f"{after} = '{target}' AND {in_doubt}" for target in doubtful]
        if each:
            ways.append(f"({before} = '{source}' AND ({' OR '.join(each)}))")
    return " OR ".join(ways)
