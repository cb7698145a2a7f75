"""The states of a recipient: which change is possible, and what people are told, as data.

In: two states.  Out: yes or no, also as a SQL expression for the schema; words and tones.
Touches: nothing.

The same table refuses a wrong change twice: in Python where it is written (`writing.changes`), and
in the database by a trigger made from `legal_sql`, which no program can go around.  The pages, the
terminal, `docs/resume.md` and the tests take words, tones and order from here.
"""

from __future__ import annotations

from typing import NamedTuple

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

FORMAT = "5"  # of the journal; raised with each step in `migrations`

SUPPRESSED = "suppressed"  # how the reason of whoever is skipped for that begins
UNMADE = "render:"  # how the reason of whoever is skipped begins of whom no letter could be made
LATER = "not to be sent before its time (send_at)"  # the reason of whoever is deferred for that

MAX_RESENDS = 2  # copies beyond the first that are sent without asking, for one recipient ever

IN_DOUBT = str(ReplyClass.IN_DOUBT)
NOT_TAKEN = str(ReplyClass.NOT_TAKEN)

# What may be written: the rest of ONLY_FROM_DOUBT is for the database to judge, which knows doubt.
POSSIBLE = ONLY_FROM_DOUBT | {(before, after) for before in State for after in LEGAL[before]}

# How a run ended whose next one starts with a canary: too many bounces or complaints; a sender that
# was refused.
CAME_BACK, REFUSED = "came back", "refused"

UNSETTLED = tuple(state for state in State if state not in SETTLED)

# Who is settled and may leave an open campaign's journal for an archive: not who is held, for a
# person or a log has still to say what becomes of them; nor who is in doubt.
ARCHIVABLE = tuple(state for state in State if state in SETTLED and state is not H)


NOT_REACHED = (F, E, H)  # settled, and nobody can say that they have the message


class Shown(NamedTuple):
    """How a state is told to people."""

    words: str
    tone: str  # of a colour: good, bad, warn, info, soft


# In the order of `status --json`.
SHOWN: dict[State, Shown] = {
    P: Shown("not tried yet", "info"),
    G: Shown("handed over, and the server's reply is waited for", "info"),
    S: Shown("a server accepted the message", "good"),
    F: Shown("refused for good", "bad"),
    D: Shown("refused for now, and tried again", "warn"),
    H: Shown("may have a copy, and waits for a person or a log", "bad"),
    K: Shown("left out, with a reason", "soft"),
    E: Shown("not accepted in its time", "bad"),
    C: Shown("called off by a person", "soft"),
}
# As parts of a bar, from its beginning; what is left of it was not tried.
PARTS = (S, F, E, H, D, G, C)


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


def is_suppressed(state: str, reason: str) -> bool:
    """Whether somebody is not written to because nobody must write to them."""
    return state == K and reason.startswith(SUPPRESSED)
