"""Reads the replies of one site and decides how hard it may be pressed.

In: verdicts and the time.  Out: seconds to wait, connections allowed, open or closed.
Touches: nothing.

`Governor` answers throttling: rest, come back with one connection, add one at a time while all
goes well.  That is Google's published recipe for 4.7.28, and it is a good citizen's manner
everywhere; only the length of the rest differs.  Messages that are accepted shorten the next rest:
a server that takes thousands and then says "slow down" once is not one that takes nothing.  How
long it refused before it took mail again is remembered for the next time.  A number of
connections that the server itself sets holds for a while and is then felt for again, one more at a
time.  `Breaker` answers refusals that say the sender is the trouble: it stops everything before a
reputation is spent.
"""

from __future__ import annotations

from collections import deque

from campaign.records import ReplyClass, Verdict

_FIRST_REST_S = 5.0  # where little was accepted before
_LEAST_REST_S = 0.1
_LONGEST_REST_S = 3600.0
_SUCCESSES_PER_CONNECTION = 20  # accepted messages that earn one more connection
_MANY = 100  # accepted messages, lately: then half of the connections come back after a rest
_CAREFULLY = 1.5  # a rest grows by this where mail went well: it loses a third at most, not half
_STEP = 8  # probes for the end of a rest whose length is about known: each an eighth later
QUIET_S = 600.0  # so long without a word about its limit, and one more is tried
_CALM_S = 300.0  # this long without a throttle and the next rest is short again
_MESSAGE_DOMAINS = 5  # so many domains that refuse the message itself: it is the message


class Ceiling:
    """A number that replies lower and that rises by one after each quiet while."""

    __slots__ = ("_granted", "_learned_s", "most")

    def __init__(self, most: int) -> None:
        self.most = most
        self._granted = most
        self._learned_s = 0.0

    def learn(self, most: int, now_s: float) -> None:
        self.most = min(self.most, most)
        self._learned_s = now_s

    def recover(self, now_s: float) -> None:
        if self.most < self._granted and now_s - self._learned_s >= QUIET_S:
            self.most += 1
            self._learned_s = now_s


class Governor:
    """How one site (or one provider behind a relay) is pressed at the moment."""

    __slots__ = (
        "_accepted",
        "_back",
        "_ceiling",
        "_grows",
        "_known_s",
        "_last_throttle_s",
        "_refused_for_s",
        "_refused_since_s",
        "_rest_s",
        "_taken",
        "connections",
        "rests_until_s",
    )

    def __init__(self, connections: int) -> None:
        self._ceiling = Ceiling(connections)
        self.connections = connections  # what we dare now
        self.rests_until_s = 0.0
        self._rest_s = 0.0  # the last one
        self._grows = 2.0  # how much longer the next rest is, while the length is not known
        self._accepted = 0  # since a connection was added
        self._back = 1  # connections it comes back with when a rest was long enough
        self._taken = 0  # accepted since the last rest, and half of what was before, and so on
        self._refused_for_s = 0.0  # how long, as of the last throttle, nothing was accepted
        self._known_s = 0.0  # how long it refused at least, the last time
        self._last_throttle_s = float("-inf")
        self._refused_since_s: float | None = None  # of the first throttle with nothing taken since

    @property
    def limit(self) -> int:
        """What config and provider allow."""
        return self._ceiling.most

    def wait_s(self, now_s: float) -> float:
        return self.rests_until_s - now_s if self.rests_until_s > now_s else 0.0

    def is_calm(self, now_s: float) -> bool:
        """The last throttle is so long ago that the next rest would be the first again."""
        return now_s - self._last_throttle_s > _CALM_S

    def refused_s(self, now_s: float) -> float:
        """For how long now there were only throttles and nothing was accepted."""
        return 0.0 if self._refused_since_s is None else now_s - self._refused_since_s

    def accepted(self, now_s: float) -> None:
        """One message was taken.  Those that were on the way when a rest began say nothing."""
        if now_s < self.rests_until_s:
            return
        if self._refused_since_s is not None:
            # A first probe that is taken: the rest may have been far too long.
            self._known_s = self._refused_for_s or self._known_s / 2
            self._refused_since_s = None
            self.connections = max(1, min(self._back, self.limit))
        self._taken += 1
        if self.connections >= self._ceiling.most:
            return
        self._accepted += 1
        if self._accepted >= _SUCCESSES_PER_CONNECTION:
            self._accepted = 0
            self.connections += 1

    def learn_limit(self, connections: int, now_s: float) -> None:
        """The server, or this machine, gives no more connections than these."""
        self._ceiling.learn(max(1, connections), now_s)
        self.connections = min(self.connections, self.limit)

    def recover(self, now_s: float) -> None:
        """One more connection after a quiet while, up to what the config allows."""
        before = self.limit
        if now_s - self._last_throttle_s >= QUIET_S:
            self._ceiling.recover(now_s)
        if self.connections == before:
            self.connections = self.limit

    def throttled(self, now_s: float, pause_s: float) -> None:
        """A throttling reply; `pause_s` is what the provider's own rule asks, 0 if none.

        Replies that arrive while the site rests were on the way before: they say nothing new.
        """
        if now_s < self.rests_until_s:
            return
        if now_s - self._last_throttle_s > _CALM_S:
            self._known_s = 0.0
        is_first = self._refused_since_s is None
        if self._refused_since_s is None:
            self._refused_since_s, self._refused_for_s = now_s, 0.0
            shortened_s = _FIRST_REST_S * _SUCCESSES_PER_CONNECTION / max(self._taken, 1)
            rest_s = max(_LEAST_REST_S, self._known_s, min(_FIRST_REST_S, shortened_s))
        else:
            refused_s = self._refused_for_s = now_s - self._refused_since_s
            if 0.99 * self._known_s <= refused_s <= 2 * self._known_s:
                rest_s = max(_LEAST_REST_S, refused_s / _STEP)
            else:
                rest_s = self._rest_s * self._grows
        self._rest_s = min(_LONGEST_REST_S, rest_s)
        rest_s = max(pause_s, self._rest_s)
        self._last_throttle_s = self.rests_until_s = now_s + rest_s
        if is_first:
            many = self._taken >= _MANY and not pause_s
            self._back = self.connections // 2 if many else 1
            self._grows = _CAREFULLY if many else 2.0
        elif pause_s:
            self._back = 1
        self.connections = 1  # asks whether the rest was long enough
        self._accepted = 0
        self._taken //= 2


class Breaker:
    """Open after `in_a_row` refusals of the sender, `share` of the last `window` replies, or when
    the message itself is refused by five domains of those.

    The same recipient refused again and again is one refusal in a row: that may be about them.
    """

    __slots__ = (
        "_domains",
        "_in_a_row",
        "_last_row",
        "_noted",
        "_recent",
        "_refused",
        "_row_limit",
        "_share",
        "_window",
        "is_on_trial",
        "why",
    )

    def __init__(self, in_a_row: int = 3, share: float = 0.05, window: int = 200) -> None:
        self._row_limit = in_a_row
        self._share = share
        self._window = window
        self._in_a_row = 0
        self._last_row = 0
        self._recent: deque[bool] = deque(maxlen=window)
        self._refused = 0
        self._noted = 0
        self._domains: dict[str, int] = {}  # that refused the message -> number of that reply
        self.is_on_trial = False  # half open: one letter at a time, until one is taken
        self.why = ""  # the last reply that counted

    @property
    def is_open(self) -> bool:
        full = len(self._recent) == self._window
        return (
            self._in_a_row >= self._row_limit
            or (full and self._refused >= self._share * self._window)
            or len(self._domains) >= _MESSAGE_DOMAINS
        )

    @property
    def has_refusals(self) -> bool:
        """Would anything be forgotten with it?"""
        return bool(self._refused or self._domains or self.is_on_trial)

    def half_open(self) -> None:
        """Let one more through: the next refusal opens it again, an acceptance closes it."""
        self._in_a_row = self._row_limit - 1
        self._last_row = 0
        self._recent.clear()
        self._domains.clear()
        self._refused = 0
        self.is_on_trial = True

    def note(self, verdict: Verdict, text: str, *, row: int = 0, domain: str = "") -> None:
        """Every reply that settles a letter passes here; `row` and `domain` of its recipient."""
        counts = verdict.counts_for_breaker
        if len(self._recent) == self._window:
            self._refused -= self._recent[0]
        self._recent.append(counts)
        self._refused += counts
        self._noted += 1
        if not counts:
            self._in_a_row = 0
            self.is_on_trial = False
            return
        self.why = text
        if row != self._last_row or not row:
            self._in_a_row += 1
        self._last_row = row
        if verdict.class_ is ReplyClass.MESSAGE:
            self._domains[domain] = self._noted
            oldest = self._noted - self._window
            self._domains = {name: at for name, at in self._domains.items() if at > oldest}
