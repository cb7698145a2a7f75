"""`campaign bounces`: what came back, into journals and the suppression store.

In: a Maildir, an mbox, a folder of .eml files, standard input, a mailbox on a server; a file of
what a sending service told.
Out: what became of each mail, and counts.
Touches: the events of journals, suppression stores; the source only with --move-to and --delete.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager, closing, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO, TextIO

import typer

from campaign.cli.arguments import JsonOption, MetricsOption
from campaign.cli.services.metering import figures_of, metrics_beside
from campaign.cli.terminal.tables import counted, legible
from campaign.errors import EXIT_DONE, MailboxError, UsageError

if TYPE_CHECKING:
    from campaign.feedback.mailings import Mailing
    from campaign.feedback.sources.files import Afterwards, Postbox
    from campaign.feedback.taking import MailOutcome, TakenIn, Taking
    from campaign.metrics.figures import Counts

EXAMPLES = (
    "campaign bounces ~/Maildir --campaign spring",
    "campaign bounces imaps://bounces@mail.example.com/INBOX --watch",
    "campaign bounces bounces.mbox --campaign campaigns --verbose",
    "campaign bounces events.jsonl --format sendgrid --campaign spring",
)
_SHOWN = 20  # mails that are named without --verbose
_WAIT_S = 60.0
_BATCH = 500  # events of a file that share commits
_WEIGHTS = {
    "hard": "no such mailbox: suppressed",
    "soft": "full, refusing or not reached in time: counted",
    "message": "the message was refused",
    "sender": "we were refused, or were too fast",
    "infrastructure": "nobody was asked: name servers, connections",
}


def command(
    source: Annotated[
        str,
        typer.Argument(
            metavar="SOURCE",
            help="A Maildir, an mbox, a folder of .eml files, one mail, - or imaps://USER@HOST;"
            " left out: `source` in [bounces].",
            show_default=False,
        ),
    ] = "",
    campaigns: Annotated[
        list[Path] | None,
        typer.Option(
            "--campaign",
            metavar="PATH",
            help="Whose letters: a campaign, or a folder of campaigns; may be repeated; left out:"
            " the current folder.",
            show_default=False,
        ),
    ] = None,
    watch: Annotated[bool, typer.Option("--watch", help="Go on reading until Ctrl-C.")] = False,
    move_to: Annotated[
        str, typer.Option(metavar="FOLDER", help="Where mails go once they are taken in.")
    ] = "",
    delete: Annotated[
        bool, typer.Option("--delete", help="Delete mails once they are taken in.")
    ] = False,
    format_: Annotated[
        str,
        typer.Option(
            "--format",
            metavar="PROVIDER",
            help="SOURCE is a file of events of ses, sendgrid, mailgun or postmark (JSON).",
        ),
    ] = "",
    metrics: MetricsOption = "",
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Print a line for each mail.")
    ] = False,
    as_json: JsonOption = False,
) -> int:
    """Take in bounces, complaints, unsubscribes and answers.

    Each is counted once, however often it is read. Hard bounces, complaints and unsubscribes
    suppress the address in all campaigns that share the store. What is about other people's
    letters changes nothing, and is named.
    """
    from campaign.clock import SystemClock
    from campaign.feedback.mailings import close_mailings, find_campaigns, open_mailings
    from campaign.feedback.taking import Taking
    from campaign.metrics.figures import Counts

    if move_to and delete:
        raise UsageError("--move-to and --delete exclude each other", remedy="keep one")
    if metrics and not watch:
        raise UsageError("--metrics is for what lasts", remedy="say --watch with it")
    if format_:
        _refuse_unknown(format_, source, is_mailbox=bool(watch or move_to or delete))
    mailings = open_mailings(find_campaigns(campaigns or [Path()]))
    taking = Taking(mailings, SystemClock())
    counts = Counts("campaign_mails_read_total")
    spoken = _Spoken(verbose, sys.stderr if as_json else sys.stdout, counts)
    name = source
    figures = [each for mailing in mailings for each in figures_of(metrics, mailing.campaign)]
    try:
        if format_:
            name = _read_file(format_, source, taking, spoken)
        else:
            with closing(_inbox(source, mailings, move_to, delete, watch)) as inbox:
                name = inbox.name
                with metrics_beside(metrics, counts, *figures):
                    _read(inbox, mailings, taking, spoken, watch)
    except KeyboardInterrupt:
        if not watch:
            raise
    finally:
        taking.close()
        close_mailings(mailings)
    if as_json:
        print(json.dumps(as_object(taking.tally, spoken), ensure_ascii=False))
    else:
        print("\n".join(lines(name, taking.tally, spoken)))
    return EXIT_DONE


class _Spoken:
    """What is said of single mails: with --verbose of all, else of those that need a person."""

    def __init__(self, verbose: bool, stream: Any, counts: Counts) -> None:
        self._verbose = verbose
        self._stream = stream
        self.odd: list[MailOutcome] = []  # not ours, unreadable
        self.counts = counts
        self.told = 0  # events of providers among what was read

    def say(self, outcomes: Sequence[MailOutcome]) -> None:
        for outcome in outcomes:
            self.counts.add(outcome.what)
            if outcome.what in ("not ours", "unreadable") and len(self.odd) < 10_000:
                self.odd.append(outcome)
            if self._verbose:
                print(line_of(outcome, self._stream), file=self._stream, flush=True)

    def complain(self, sentence: str) -> None:
        print(legible(sentence, sys.stderr), file=sys.stderr, flush=True)


def _read(
    inbox: Postbox, mailings: Sequence[Mailing], taking: Taking, spoken: _Spoken, watch: bool
) -> None:
    from campaign.clock import SystemClock
    from campaign.feedback.sources.posted import read_posts

    while True:
        for batch in read_posts(mailings, SystemClock()):
            spoken.told += len(batch)
            spoken.say(taking.take(batch))
        try:
            _read_once(inbox, taking, spoken)
            if not watch:
                return
            inbox.wait(_WAIT_S)
        except MailboxError as error:
            if not watch:
                raise
            spoken.complain(f"{error.what}; it is tried again in a minute")
            _sleep(_WAIT_S)


def _sleep(seconds: float) -> None:
    import time

    time.sleep(seconds)


def _read_once(inbox: Postbox, taking: Taking, spoken: _Spoken) -> None:
    from campaign.feedback.parsing.reading import read
    from campaign.feedback.taking import ReadMail

    for batch in inbox.batches():
        spoken.say(taking.take([ReadMail(mail.name, read(mail.raw)) for mail in batch]))
        inbox.done(batch)


def _refuse_unknown(provider: str, source: str, *, is_mailbox: bool) -> None:
    from campaign.feedback.providers.reading import PROVIDERS

    if provider not in PROVIDERS:
        raise UsageError(
            f"'{provider}' is not a provider whose events can be read",
            remedy=f"write --format {', '.join(PROVIDERS[:-1])} or {PROVIDERS[-1]}",
        )
    if not source:
        raise UsageError(
            "--format says what is in a file, and none is named", remedy="name a file, or -"
        )
    if is_mailbox:
        raise UsageError(
            "--format reads a file once; --watch, --move-to and --delete are for mailboxes",
            remedy="leave them out: an event that is read twice counts once",
        )


def _read_file(provider: str, source: str, taking: Taking, spoken: _Spoken) -> str:
    from campaign.feedback.providers.reading import read_file
    from campaign.feedback.taking import ReadMail

    name = "standard input" if source == "-" else source
    try:
        with open_input(source) as file:
            batch = []
            for line, returned in read_file(provider, file):
                batch.append(ReadMail(f"{name}:{line}", returned))
                spoken.told += 1
                if len(batch) == _BATCH:
                    spoken.say(taking.take(batch))
                    batch = []
            spoken.say(taking.take(batch))
    except OSError as error:
        raise UsageError(
            f"{source} cannot be read: {error.strerror}", remedy="name a file of events, or -"
        ) from None
    return name


def open_input(source: str) -> AbstractContextManager[BinaryIO]:
    """A file, or standard input, which is left open."""
    if source == "-":
        return nullcontext(sys.stdin.buffer)
    return Path(source).expanduser().open("rb")


def _inbox(
    source: str, mailings: Sequence[Mailing], move_to: str, delete: bool, watch: bool
) -> Postbox:
    from campaign.cli.services.mailboxes import open_mailbox, source_of
    from campaign.database.places import locate
    from campaign.feedback.sources.files import Afterwards

    afterwards = Afterwards(move_to, delete)
    campaign = mailings[0].campaign
    place = source or source_of(campaign)
    if not place:
        return _posts_alone(mailings, afterwards)
    journal = locate(*campaign.journal).path
    folder = journal.parent if journal else campaign.folder / "state"
    plans = " ".join(sorted(mailing.plan_id for mailing in mailings))

    def memory(shown: str) -> Path:
        mark = hashlib.sha256(f"{shown} {plans}".encode()).hexdigest()[:12]
        return folder / f"mailbox-{mark}.json"

    return open_mailbox(campaign, place, afterwards, watch=watch, memory=memory)


def _posts_alone(mailings: Sequence[Mailing], afterwards: Afterwards) -> Postbox:
    """Raises UsageError where no provider can have posted anything either."""
    from campaign.feedback.sources.files import Afterwards
    from campaign.feedback.sources.posted import PostsAlone, has_posts

    if afterwards != Afterwards() or not has_posts(mailings):
        raise UsageError(
            "nothing says where the mail is", remedy="name a Maildir, a file or imaps://"
        )
    return PostsAlone()


def line_of(outcome: MailOutcome, stream: TextIO) -> str:
    """One mail: what it is, whom it is about, how that is known, what it says."""
    known = f" ({outcome.how})" if outcome.how else ""
    about = f" {outcome.campaign}: {outcome.address}" if outcome.address else ""
    class_ = f" {outcome.class_}" if outcome.class_ else ""
    said = outcome.why or outcome.subject
    return legible(f"{outcome.where}: {outcome.what}{class_}{about}{known}: {said}", stream)


def lines(name: str, tally: TakenIn, spoken: _Spoken) -> list[str]:
    """The counts of a reading, for a terminal."""
    mails = tally.mails - spoken.told
    read = [counted(mails, "mail")] if mails or not spoken.told else []
    read += [counted(spoken.told, "event")] if spoken.told else []
    shown = [f"{name}: {', '.join(read)}"]
    for what, count in tally.what.most_common():
        shown.append(f"  {count:,} {what}")
        if what == "bounced":
            shown += [
                f"    {tally.weights[weight]:,} {words}"
                for weight, words in _WEIGHTS.items()
                if tally.weights[weight]
            ]
    if tally.new_events or tally.known_events:
        known = f", {tally.known_events:,} known before" if tally.known_events else ""
        shown.append(f"{counted(tally.new_events, 'new event')}{known}")
    if tally.suppressed:
        shown.append(f"{counted(tally.suppressed, 'address', 'addresses')} suppressed")
    if tally.rewritten:
        shown.append(
            f"{counted(tally.rewritten, 'bounce')} came without the envelope sender that"
            " [bounces] gave: the relay writes its own, and Message-IDs were used instead"
        )
    for outcome in spoken.odd[:_SHOWN]:
        shown.append(line_of(outcome, sys.stdout))
    if (more := len(spoken.odd) - _SHOWN) > 0:
        shown.append(f"and {more:,} more that are not ours or unreadable; --verbose names all")
    return shown


def as_object(tally: TakenIn, spoken: _Spoken) -> dict[str, Any]:
    """The counts as --json prints them."""
    return {
        "mails": tally.mails - spoken.told,
        "told_by_providers": spoken.told,
        "what": dict(tally.what),
        "bounced": dict(tally.weights),
        "known_by": dict(tally.how),
        "new_events": tally.new_events,
        "known_events": tally.known_events,
        "suppressed": tally.suppressed,
        "rewritten_senders": tally.rewritten,
        "not_taken": [outcome._asdict() for outcome in spoken.odd],
    }
