"""The journal against a model of it small enough to be seen to be right."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from campaign.errors import JournalError
from campaign.journal.reading.auditing.audit import audit
from campaign.journal.reading.reader import Reader
from campaign.journal.states import IN_DOUBT, MAX_RESENDS, is_legal
from campaign.records import SETTLED, Change, State
from fakes.clock import FakeClock
from fakes.prepared.journals import URL, open_journal, planned

PEOPLE = 4


class JournalMachine(RuleBasedStateMachine):
    """Any order of changes, crashes and orders; the journal knows what the model knows."""

    def __init__(self) -> None:
        super().__init__()
        self.place = tempfile.TemporaryDirectory()
        self.folder = Path(self.place.name)
        self.clock = FakeClock()
        self.journal = planned(self.folder, PEOPLE)
        self.reader = Reader.open(URL, self.folder)
        untouched = (State.PLANNED, 0, 0, 0)  # sendings, resends, doubts
        self.model = dict.fromkeys(range(1, PEOPLE + 1), untouched)
        self.copies = dict.fromkeys(self.model, 0)
        self.accepted: set[int] = set()

    def teardown(self) -> None:
        self.reader.close()
        self.journal.close()
        assert audit(URL, self.folder).is_clean
        self.place.cleanup()

    @rule(
        changes=st.lists(
            st.tuples(st.integers(1, PEOPLE), st.sampled_from(list(State))), min_size=1, max_size=6
        )
    )
    def change(self, changes: list[tuple[int, State]]) -> None:
        """A commit of changes, some of them impossible: then none of it counts."""
        model, copies, accepted = dict(self.model), dict(self.copies), set(self.accepted)
        made, all_legal = [], True
        for row, after in changes:
            before, sendings, resends, doubts = model[row]
            all_legal = all_legal and is_legal(before, after, in_doubt=doubts > 0)
            sendings += after is State.SENDING
            copies[row] += after is State.SENDING
            if before is State.SENDING and after in (State.DEFERRED, State.FAILED, State.EXPIRED):
                copies[row] -= 1  # a complete refusal: no copy
            if after is State.SENT:
                accepted.add(row)
            in_doubt = before is State.SENDING and after is State.HELD
            if in_doubt:
                doubts += 1
            elif after is State.SENT and before is not State.SENDING:
                doubts = 0  # a log has settled it
            model[row] = (after, sendings, resends, doubts)
            made.append(self._change(row, after, sendings, resends, IN_DOUBT if in_doubt else ""))
        try:
            self.journal.apply(made)
        except JournalError:
            assert not all_legal
        else:
            assert all_legal
            self.model, self.copies, self.accepted = model, copies, accepted

    @rule(policy=st.sampled_from(["resend", "hold"]))
    def crash(self, policy: str) -> None:
        """The process is gone; the next one recovers by the policy."""
        self.journal.close()
        self.journal = open_journal(self.folder, clock=self.clock)
        doubts = self.journal.recover_in_doubt(policy, self.clock.now_s())
        sending = [row for row, known in self.model.items() if known[0] is State.SENDING]
        assert [doubt.row for doubt in doubts] == sending  # each of them is named
        for row in sending:
            _, sendings, resends, doubts = self.model[row]
            again = policy == "resend" and resends < MAX_RESENDS
            state = State.DEFERRED if again else State.HELD
            self.model[row] = (state, sendings, resends + again, doubts + 1)

    @rule(states=st.sets(st.sampled_from([State.FAILED, State.HELD, State.EXPIRED]), min_size=1))
    def retry(self, states: set[State]) -> None:
        count = self.journal.put_back(states, self.clock.now_s())
        chosen = [row for row, known in self.model.items() if known[0] in states]
        assert count == len(chosen)
        for row in chosen:
            _, sendings, resends, doubts = self.model[row]
            self.model[row] = (State.PLANNED, sendings, resends + (doubts > resends), doubts)

    @precondition(lambda self: any(known[3] for known in self.model.values()))
    @rule()
    def who_is_in_doubt_stays_so_whatever_comes_until_a_copy_is_accepted(self) -> None:
        rows = {
            row
            for row, (state, _, _, doubts) in self.model.items()
            if state is State.SENDING or (doubts and state is not State.SENT)
        }
        assert {doubt.row for doubt in self.reader.in_doubt()} == rows

    @invariant()
    def the_journal_knows_what_the_model_knows(self) -> None:
        states = {result.row: result.state for result in self.reader.results()}
        assert states == {row: known[0] for row, known in self.model.items()}
        assert self.reader.is_finished() == all(
            known[0] in SETTLED for known in self.model.values()
        )
        for row, (_, sendings, resends, _) in self.model.items():
            history = self.reader.history(row)
            if history:
                assert (history[-1].sendings, history[-1].resends) == (sendings, resends)
            assert self.copies[row] <= 1 + resends

    @invariant()
    def what_was_accepted_stays_accepted(self) -> None:
        for row in self.accepted:
            assert self.model[row][0] is State.SENT

    def _change(self, row: int, state: State, sendings: int, resends: int, class_: str) -> Change:
        code = 250 if state is State.SENT else 0
        return Change(
            row, state, self.clock.now_s(), 0, sendings, resends, code=code, class_=class_
        )


JournalMachine.TestCase.settings = settings(
    # Each step commits to a disk: a fifth of what other properties get.
    max_examples=settings.default.max_examples // 5,  # type: ignore[union-attr]
    stateful_step_count=12,
    suppress_health_check=[HealthCheck.too_slow],
    deadline=None,
)
TestJournal = JournalMachine.TestCase
