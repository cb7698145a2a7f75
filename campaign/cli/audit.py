"""`campaign audit`: proves from the journal that nobody is lost and nothing impossible happened.

In: the journal.  Out: every invariant with how it stands.  Touches: nothing.
"""

from __future__ import annotations

from campaign.cli.arguments import HERE, JsonOption, PathArgument, RehearsalOption

EXAMPLES = ("campaign audit spring",)


def command(
    path: PathArgument = HERE, sandbox: RehearsalOption = False, as_json: JsonOption = False
) -> int:
    """Prove that nobody is lost.

    The states add up to the list, and no invariant of the journal is broken.
    """
    raise NotImplementedError
