"""What a throttling reply slows down: one provider behind a relay, or the site as a whole.

In: verdicts and the letters they are about.  Out: seconds until such a letter may go again.
Touches: the governors of the site and of its lanes.
"""

from __future__ import annotations

from collections.abc import Callable, Sized

from campaign.clock import Clock
from campaign.pool.lanes import Lanes
from campaign.pool.pacing.allowance import Allowance
from campaign.pool.pacing.rates import Pacing
from campaign.records import Letter, Reply, ReplyClass, Stage, Verdict
from campaign.smtp.replies.verdicts import counts_connections

PACED = (ReplyClass.THROTTLE, ReplyClass.QUOTA)
_LANES_MAKE_A_SITE = 3  # so many throttled providers at once: it is the relay that is throttled


class Slowing:
    """The governors of one site, as its replies move them."""

    def __init__(
        self,
        allowance: Allowance,
        lanes: Lanes,
        elsewhere_s: Callable[[float], float | None],
        clock: Clock,
    ) -> None:
        """`elsewhere_s` at a time: seconds that all other addresses of ours have to rest; None:
        there is none."""
        self._allowance = allowance
        self._lanes = lanes
        self._elsewhere_s = elsewhere_s
        self._clock = clock

    def rest(self, pause_s: float = 0.0) -> float:
        """The site rests; for how long."""
        now_s = self._clock.tick_s()
        self._allowance.governor.throttled(now_s, pause_s)
        return self._allowance.governor.wait_s(now_s)

    def throttled(self, letter: Letter, stage: Stage, verdict: Verdict) -> float:
        """A letter met a throttle or a quota; seconds until it may go again."""
        now_s, lanes = self._clock.tick_s(), self._lanes
        elsewhere_s = self._elsewhere_s(now_s)
        lane = None if stage is Stage.MAIL else lanes.lane(letter.claim.domain)
        _hold(lane.pacing if lane and lane.pacing.own_ramps else self._allowance.pacing)
        if elsewhere_s == 0:  # it may be this address of ours that is slowed down: another goes on
            self.rest(verdict.pause_s)
            return 0.0
        if lane is None:  # nothing was said yet of the recipient's provider
            self.rest(verdict.pause_s)
        else:
            lane.governor.throttled(now_s, verdict.pause_s)
            is_all = verdict.class_ is ReplyClass.QUOTA or lanes.lonely or elsewhere_s is not None
            if is_all or len(lanes.resting(now_s)) >= _LANES_MAKE_A_SITE:
                self.rest(verdict.pause_s)
        own_s = self._allowance.governor.wait_s(now_s)
        wait_s = own_s if elsewhere_s is None else min(own_s, elsewhere_s)
        if lane is not None:
            wait_s = max(wait_s, lane.governor.wait_s(now_s))
            lanes.rest(lane, wait_s)
        return max(wait_s, verdict.pause_s if elsewhere_s is None else 0.0)

    def told(self, verdict: Verdict, reply: Reply, connections: Sized) -> None:
        """A reply that was about no letter: the site's pace, or its number of connections."""
        if verdict.class_ not in PACED and not verdict.pause_s:
            return
        if counts_connections(reply) and connections:
            self._allowance.governor.learn_limit(len(connections), self._clock.tick_s())
        else:
            _hold(self._allowance.pacing)
            self.rest(verdict.pause_s)


def _hold(pacing: Pacing) -> None:
    """Whoever throttles us does not see its step climbed today."""
    for ramp in pacing.own_ramps:
        ramp.throttled()
