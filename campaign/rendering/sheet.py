"""A letter on its way through the steps of rendering.

In: a job.  Out: what the steps make of it, one after another.  Touches: nothing.

Letters go through a step together, some at a time: a processor that does the same again and
again keeps at hand what it needs for it, which spares a quarter of the time (measured).
"""

from __future__ import annotations

from collections.abc import Callable

from campaign.addresses.marks import LetterMarks
from campaign.errors import RenderError
from campaign.records import Job
from campaign.rendering.draft import Draft
from campaign.rendering.files.attachments import OwnFile
from campaign.rendering.templating.templates import Row

PARTS = TEXT, HTML, CALENDAR, PERSONAL = range(4)  # of a body that differ from letter to letter


class Sheet:
    """Each step adds to it; one that fails leaves a problem, and the rest pass it over."""

    __slots__ = (
        "added", "columns", "draft", "fields", "files", "head", "html", "job", "locale", "marks",
        "name", "parts", "problem", "snapshot", "subject", "text", "values",
    )  # fmt: skip

    def __init__(self, job: Job) -> None:
        self.job = job
        self.columns: dict[str, str] = {}
        self.locale = ""
        self.snapshot = ""
        self.parts = [b""] * len(PARTS)
        self.problem: RenderError | None = None
        self.name = ""  # of the recipient, where the job has it
        self.files: list[OwnFile] = []
        self.added: list[tuple[str, str]] = []  # header fields that the job brings

    # What the steps add, in their order.
    values: Row  # what the templates see
    marks: LetterMarks
    subject: str
    fields: list[bytes]  # names of those in `head`, but for Date
    head: bytes
    html: list[str]  # in chunks
    text: list[str]
    draft: Draft


Step = Callable[[Sheet], None]  # raises RenderError; UnicodeEncodeError for a lone surrogate
