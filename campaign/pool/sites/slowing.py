"""What a throttling reply slows down: one provider behind a relay, or the relay as a whole.

In: verdicts and the letters they are about.  Out: seconds until such a letter may go again.
Touches: the governors of the site and of its lanes.
"""

from __future__ import annotations

from collections.abc import Sized

from campaign.clock import Clock
from campaign.pool.lanes import Lanes
from campaign.pool.pacing.allowance import Allowance
from campaign.pool.pacing.rates import Pacing
from campaign.pool.terms import counts_connections
from campaign.records import Letter, Reply, ReplyClass, Stage, Verdict

PACED = (ReplyClass.THROTTLE, ReplyClass.QUOTA)
_LANES_MAKE_A_SITE = 3  # so many throttled providers at once: it is the relay that is throttled


class Slowing:
    """The governors of one site, as its replies move them."""

    def __init__(self, allowance: Allowance, lanes: Lanes, clock: Clock) -> None:
        self._allowance = allowance
        self._lanes = lanes
        self._clock = clock

    def rest(self, pause_s: float = 0.0) -> float:
        """The site rests; for how long."""
        now_s = self._clock.tick_s()
        self._allowance.governor.throttled(now_s, pause_s)
        return self._allowance.governor.wait_s(now_s)

    def throttled(self, letter: Letter, stage: Stage, verdict: Verdict) -> float:
        """A letter met a throttle or a quota; seconds until it may go again."""
        if stage is Stage.MAIL:  # nothing was said yet of the recipient's provider
            _hold(self._allowance.pacing)
            return self.rest(verdict.pause_s)
        now_s, lanes = self._clock.tick_s(), self._lanes
        lane = lanes.lane(letter.claim.domain)
        lane.governor.throttled(now_s, verdict.pause_s)
        is_all = verdict.class_ is ReplyClass.QUOTA or lanes.lonely
        _hold(lane.pacing if lane.pacing.own_ramps else self._allowance.pacing)
        if is_all or len(lanes.resting(now_s)) >= _LANES_MAKE_A_SITE:
            self.rest(verdict.pause_s)
        wait_s = max(lane.governor.wait_s(now_s), self._allowance.governor.wait_s(now_s))
        lanes.rest(lane, wait_s)
        return wait_s

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
