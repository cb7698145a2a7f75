"""What became of each letter, turned into journal rows.

In: verdicts, losses, permissions asked.  Out: changes for the journal; counts once they are
durable.  Touches: the journal's queue.

This is the only place that decides the next state of a recipient.  Nothing is counted before the
journal says that it is durable.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from functools import partial
from typing import Final

from campaign.delivery.beginning.staleness import RunClock
from campaign.delivery.policies import SendingPolicies
from campaign.journal.states import in_doubt
from campaign.journal.writing.commits import Done
from campaign.planning.timing.turns import Turns
from campaign.records import (
    Change,
    Claim,
    Letter,
    Record,
    Reply,
    ReplyClass,
    Stage,
    State,
    Verdict,
    settled_of,
)

Learn = Callable[[Claim, Change, bool], None]  # the bool is `Verdict.suppresses`

_MOST_PROTOCOL_ERRORS = 3  # tries of a letter that a server cannot make sense of
_ABOUT_MAILBOX = frozenset(
    {
        ReplyClass.RECIPIENT_GONE,
        ReplyClass.RECIPIENT_REFUSES,
        ReplyClass.RECIPIENT_TRANSIENT,
        ReplyClass.RECIPIENT_THROTTLE,
    }
)


class _Ending(Record):
    """How a try ended, or why there was none: what a `Change` says beside whose it is."""

    FIELDS = (
        "state", "now_s", "attempts", "resends", "reason", "class_", "relay", "code", "enhanced",
        "reply", "due_s",
    )  # fmt: skip
    __slots__ = FIELDS

    def __init__(
        self, state: State, now_s: float, attempts: int, resends: int, reason: str,
        class_: str = "", relay: str = "", reply: Reply | None = None, due_s: float = 0.0,
    ) -> None:  # fmt: skip
        self.state: Final = state
        self.now_s: Final = now_s
        self.attempts: Final = attempts
        self.resends: Final = resends
        self.reason: Final = reason
        self.class_: Final = class_
        self.relay: Final = relay
        self.code: Final = reply.code if reply else 0
        self.enhanced: Final = reply.enhanced if reply else ""
        self.reply: Final = reply.text if reply else ""
        self.due_s: Final = due_s


class JournalLedger:
    """Implements `smtp.site.Ledger` over the journal, whose `queue` it is given."""

    def __init__(
        self,
        queue: Callable[[Change, Done], None],
        policies: SendingPolicies,
        clock: RunClock,
        turns: Turns,
        *,
        counts: dict[State, int],
        on_outcome: Callable[[], None],
        on_due: Callable[[float], None],
        learn: Learn = lambda claim, change, suppresses: None,
        soft_keys: Collection[str] = frozenset(),
    ) -> None:
        """`on_outcome` hears that a recipient is not open any more, `on_due` of one who may be
        tried again at once, with the Unix time since when.

        `learn` hears what replies say of mailboxes, once the journal has it: those that are
        gone or take nothing, and of `soft_keys` those that take letters again."""
        self.counts = counts.copy()  # every state is there
        self.open: dict[int, State] = {}  # claimed rows: the state the journal last took
        self._first_sources = policies.first_sources
        self._open_first: set[int] = set()  # those of them whose letters go before others
        self._queue = queue
        self._policies = policies
        self._clock = clock
        self._turns = turns
        self._on_outcome = on_outcome
        self._on_due = on_due
        self._learn = learn
        self._soft_keys = soft_keys
        self._on_the_wire: set[int] = set()  # rows whose `sending` is durable
        self._is_broken = False

    def journal_broke(self) -> None:
        """Nothing becomes durable any more; outcomes still go to the journal's emergency file.

        A `sending` that is not durable now never will be, and its dot is never written: such a
        letter has no outcome, whatever becomes of its connection.
        """
        self._is_broken = True

    def claim(self, claims: Iterable[Claim]) -> None:
        """These rows are ours until their outcome is durable."""
        for claim in claims:
            self.open[claim.row] = claim.state
            if claim.source in self._first_sources:
                self._open_first.add(claim.row)

    @property
    def open_bulk(self) -> int:
        """How many claimed rows are of letters that do not go before others."""
        return len(self.open) - len(self._open_first)

    def arrived(self, states: Mapping[State, int]) -> None:
        """Letters that became recipients, by the state in which the journal has them."""
        for state, count in states.items():
            self.counts[state] += count

    def release(self, rows: Iterable[int]) -> None:
        """Claimed rows that were not touched go back as they were."""
        for row in rows:
            del self.open[row]
            self._open_first.discard(row)

    # -- what sites report ---------------------------------------------------------------------

    def permit(self, letter: Letter, relay: str, go: Callable[[], None]) -> bool:
        """Rule 1: `sending(n)` is durable before the first byte of the final dot.

        False where the recipient's window has closed meanwhile, or the letter's time is over: then
        nothing is written."""
        claim, before, sending = letter.claim, self.open[letter.row], State.SENDING
        now_s = self._clock.now_s()
        if not self._turns.is_empty and not self._turns.may_go(claim, now_s):
            return False
        if claim.expires_s and now_s >= claim.expires_s:
            return False
        change = Change(
            letter.row,
            sending,
            now_s,
            claim.attempts,
            claim.sendings + 1,
            claim.resends,
            relay=relay,
            before=before,
            date_s=letter.date_s,
        )
        self.counts[before] -= 1
        self.counts[sending] += 1
        self.open[letter.row] = sending
        self._queue(change, partial(self._permitted, letter.row, go))
        return True

    def settled(
        self, letter: Letter, relay: str, verdict: Verdict, reply: Reply, *, wait_s: float | None
    ) -> None:
        """A complete reply decided; `wait_s` where it says itself when to come again."""
        claim, now_s = letter.claim, self._clock.now_s()
        if self._was_never_sent(claim.row):
            return
        state, due_s = verdict.state, 0.0
        attempts = claim.attempts + verdict.uses_attempt
        if state is State.DEFERRED:
            if wait_s is None:
                due_s = max(self._due_s(claim, attempts, now_s), now_s + verdict.pause_s)
            else:
                due_s = now_s + wait_s
            if verdict.class_ is ReplyClass.PROTOCOL and attempts >= _MOST_PROTOCOL_ERRORS:
                state, due_s = State.FAILED, 0.0
            elif self._expires(claim, due_s):
                state, due_s = State.EXPIRED, 0.0
        reason = "" if state is State.SENT else f"{verdict.class_}: {reply}"
        ending = _Ending(
            state, now_s, attempts, claim.resends, reason, verdict.class_, relay, reply, due_s
        )
        self._write(claim, ending, verdict if self._teaches(claim, state, verdict) else None)

    def lost(self, letter: Letter, relay: str, stage: Stage, dot_written: bool, why: str) -> None:
        """Rule 3: before the dot a plain retry, after it doubt."""
        claim, now_s = letter.claim, self._clock.now_s()
        if self._was_never_sent(claim.row):
            return
        attempts = claim.attempts + 1
        due_s = self._due_s(claim, attempts, now_s)
        if not dot_written:
            expires = self._expires(claim, due_s)
            state = State.EXPIRED if expires else State.DEFERRED
            reason = f"connection lost at {stage}: {why}"
            class_ = ReplyClass.CONNECTION
            resends = claim.resends
        else:
            state, resends = in_doubt(self._policies.of(claim.source).in_doubt, claim.resends)
            reason = f"in doubt: no reply after the final dot ({why})"
            class_ = ReplyClass.IN_DOUBT
        due_s = due_s if state is State.DEFERRED else 0.0
        self._write(
            claim, _Ending(state, now_s, attempts, resends, reason, class_, relay, due_s=due_s)
        )

    def unreached(self, letter: Letter, relay: str, why: str, reply: Reply | None) -> None:
        """No server of its domain could be spoken to: a try is used up, nobody is failed."""
        claim, now_s = letter.claim, self._clock.now_s()
        attempts = claim.attempts + 1
        due_s = self._due_s(claim, attempts, now_s)
        expires = self._expires(claim, due_s)
        state, due_s = (State.EXPIRED, 0.0) if expires else (State.DEFERRED, due_s)
        class_ = ReplyClass.CONNECTION
        self._write(
            claim,
            _Ending(state, now_s, attempts, claim.resends, why, class_, relay, reply, due_s),
        )

    def undeliverable(self, letter: Letter, reply: Reply, *, permanent: bool) -> None:
        """There is no way to its domain, for good or for now (RFC 5321, 5.1)."""
        if not permanent:
            self.unreached(letter, "", str(reply), reply)
            return
        claim, class_ = letter.claim, ReplyClass.RECIPIENT_GONE
        now_s, attempts = self._clock.now_s(), claim.attempts + 1
        reason = f"{class_}: {reply}"
        self._write(
            claim,
            _Ending(State.FAILED, now_s, attempts, claim.resends, reason, class_, reply=reply),
        )

    # -- what the feed reports -----------------------------------------------------------------

    def settle_unsent(self, claim: Claim, state: State, why: str) -> None:
        """Suppressed, expired or unrenderable: decided without the wire."""
        now_s = self._clock.now_s()
        self._write(claim, _Ending(state, now_s, claim.attempts, claim.resends, why))

    # -- inside --------------------------------------------------------------------------------

    @property
    def is_awaiting_replies(self) -> bool:
        """Is any letter's dot on the wire, or about to be?"""
        return bool(self._on_the_wire)

    def _permitted(self, row: int, go: Callable[[], None]) -> None:
        self._on_the_wire.add(row)
        go()

    def _was_never_sent(self, row: int) -> bool:
        return self._is_broken and row not in self._on_the_wire

    def _due_s(self, claim: Claim, attempts: int, now_s: float) -> float:
        return self._policies.of(claim.source).schedule.due_s(attempts, now_s)

    def _expires(self, claim: Claim, due_s: float) -> bool:
        """Nobody's time runs out while the machine sleeps, or while their windows are closed."""
        if claim.expires_s and due_s >= claim.expires_s:
            return True
        if not claim.first_at:
            return False
        lost_s = self._clock.asleep_s + self._turns.closed_s(claim, claim.first_at, due_s)
        return self._policies.of(claim.source).schedule.expires(claim.first_at, due_s - lost_s)

    def _write(self, claim: Claim, ending: _Ending, taught: Verdict | None = None) -> None:
        """`taught`: the verdict, where it says something of the mailbox."""
        before = self.open[claim.row]
        self._on_the_wire.discard(claim.row)
        change = Change(
            claim.row,
            ending.state,
            ending.now_s,
            ending.attempts,
            claim.sendings + (before is State.SENDING),
            ending.resends,
            ending.due_s,
            ending.reason,
            ending.class_,
            ending.code,
            ending.enhanced,
            ending.reply,
            ending.relay,
            before,
        )
        done: Done = partial(self._durable, claim.row, before, ending.state, ending.due_s)
        if taught is not None:
            done = partial(self._learned, claim, change, taught.suppresses, done)
        self._queue(change, done)

    def _teaches(self, claim: Claim, state: State, verdict: Verdict) -> bool:
        """Whether the end of this letter says something of its mailbox."""
        if state is State.SENT:
            return claim.key in self._soft_keys
        return state in (State.FAILED, State.EXPIRED) and verdict.class_ in _ABOUT_MAILBOX

    def _learned(
        self, claim: Claim, change: Change, suppresses: bool, done: Callable[[], None]
    ) -> None:
        done()
        self._learn(claim, change, suppresses)

    def _durable(self, row: int, before: State, state: State, due_s: float) -> None:
        """Rule 2: counted only now."""
        self._on_the_wire.discard(row)  # its permission may have come after its loss
        self.counts[before] -= 1
        self.counts[state] += 1
        del self.open[row]
        self._open_first.discard(row)
        if due_s and due_s <= self._clock.now_s():
            self._on_due(due_s)
        self._on_outcome()

    @property
    def settled_count(self) -> int:
        return settled_of(self.counts)
