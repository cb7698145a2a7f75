"""Every exception of ours, one tree, each with its exit code and a remedy.

In: nothing.  Out: exceptions.  Touches: nothing.

Exit codes follow sysexits.h where it has a word for the case.  A refused recipient is an
outcome, never an exception.
"""

from __future__ import annotations

from collections.abc import Sequence

EXIT_DONE = 0
EXIT_SOME_FAILED = 1
EXIT_USAGE = 64
EXIT_DATA = 65
EXIT_UNAVAILABLE = 69
EXIT_FAULT = 70  # of ours
EXIT_JOURNAL = 74
EXIT_INTERRUPTED = 75
EXIT_LOGIN = 77
EXIT_CONFIG = 78


class CampaignError(Exception):
    """One sentence for a person, with where it is and what to do about it."""

    exit_code = EXIT_INTERRUPTED  # nothing is wrong with the campaign: it may be resumed

    def __init__(
        self, what: str, *, file: str = "", line: int = 0, column: int = 0, remedy: str = ""
    ) -> None:
        super().__init__(what)
        self.what = what
        self.file = file
        self.line = line
        self.column = column
        self.remedy = remedy

    @property
    def place(self) -> str:
        """ "file", "file:line" or "file:line:column", as compilers write it; "" if unknown."""
        parts = [self.file, str(self.line or ""), str(self.column or "")]
        return ":".join(part for part in parts if part) if self.file else ""

    def __str__(self) -> str:
        text = f"{self.place}: {self.what}" if self.place else self.what
        return f"{text} ({self.remedy})" if self.remedy else text


class UsageError(CampaignError):
    """The command line asks for something that does not exist or does not go together."""

    exit_code = EXIT_USAGE


class DataError(CampaignError):
    """A recipient file cannot be used as it is."""

    exit_code = EXIT_DATA


class EmptyPlanError(DataError):
    """There are rows, but nobody is left to send to."""


class ConfigError(CampaignError):
    """campaign.toml is wrong in one place."""

    exit_code = EXIT_CONFIG


class MissingExtraError(ConfigError):
    """A library that is not installed with every installation is needed."""


class ConfigErrors(CampaignError):
    """campaign.toml is wrong in several places; all of them, in file order."""

    exit_code = EXIT_CONFIG

    def __init__(self, errors: Sequence[CampaignError]) -> None:
        super().__init__("\n".join(str(error) for error in errors))
        self.errors = errors


class TemplateErrors(ConfigErrors):
    """Templates are wrong in several places."""


class TemplateError(CampaignError):
    """A template does not compile, or is not there."""

    exit_code = EXIT_CONFIG


class RenderError(CampaignError):
    """One row cannot be rendered; the row is skipped, the campaign goes on."""

    exit_code = EXIT_DATA


class BadLetterError(CampaignError):
    """An application asks for a letter that cannot be made: nothing of it is kept.

    `file` and `line` are the place in a template, where one is to blame.
    """

    exit_code = EXIT_DATA


class KeyConflictError(CampaignError):
    """An Idempotency-Key was used before, for another letter."""

    exit_code = EXIT_DATA


class BacklogFullError(CampaignError):
    """More letters wait than may; whoever asks is to come again later."""

    def __init__(self, what: str, *, retry_after_s: float) -> None:
        super().__init__(what, remedy=f"come again in {retry_after_s:.0f} s")
        self.retry_after_s = retry_after_s


class RunawayError(RenderError):
    """A row took more time or memory than any row may: the template may be at fault."""


class RelayError(CampaignError):
    """The relay cannot be reached, or cannot be spoken to."""

    exit_code = EXIT_UNAVAILABLE


class MailboxError(CampaignError):
    """The mailbox of bounces cannot be reached or read."""

    exit_code = EXIT_UNAVAILABLE


class LoginError(CampaignError):
    """A server refused user name or password: nothing is tried a second time."""

    exit_code = EXIT_LOGIN


class JournalError(CampaignError):
    """The journal cannot be read or written; nothing is sent without it."""

    exit_code = EXIT_JOURNAL


class JournalGone(JournalError):
    """The server of the journal cannot be reached, or has ended the session."""


class EpochEnded(JournalError):
    """A worker was taken for dead: others have its shards, and the journal takes nothing of it."""


class SuppressionError(CampaignError):
    """The suppression store cannot be read or written; nothing is sent without it."""

    exit_code = EXIT_JOURNAL


class WebhookError(CampaignError):
    """What is to be told to webhooks cannot be kept."""

    exit_code = EXIT_JOURNAL


class NoPlanError(JournalError):
    """The journal is not there, or holds no plan."""


class JournalBusy(CampaignError):
    """Another run holds the journal."""

    exit_code = EXIT_INTERRUPTED


class Interrupted(CampaignError):
    """Stopped before the end; `campaign resume` goes on."""

    exit_code = EXIT_INTERRUPTED


class SenderRefused(Interrupted):
    """Replies say that the sender is the trouble, not single recipients: the breaker opened."""


class TooMuchCameBack(Interrupted):
    """Bounces or complaints of letters that were accepted say that the list is the trouble."""


class StaleError(CampaignError):
    """The journal may be an old copy; going on with it could send again what was sent since."""

    exit_code = EXIT_INTERRUPTED


class DriftError(CampaignError):
    """List, templates or config changed since the plan was made."""

    exit_code = EXIT_CONFIG


class LeaseRanOut(CampaignError):
    """A worker was held up for longer than its lease, and others may have its shards."""


class FleetMismatch(CampaignError):
    """A worker has another version, plan or settings than the fleet that it would join."""

    exit_code = EXIT_CONFIG
