"""Dead letters are tried again, after somebody mended what was wrong.

In: the store of dead letters, the intake.  Out: which became letters.
Touches: the intake, the store.  Fails with BacklogFullError, JournalError, SuppressionError:
what was not reached stays as it is.

The key is that of the message, and so is its scope: a message that became a letter meanwhile,
because the application sent it again, does not become a second one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from typing import NamedTuple

from pydantic import ValidationError

from campaign.errors import BadLetterError, KeyConflictError
from campaign.intake.queues.consuming import LetterIntake, letter_of, sentence_of
from campaign.intake.queues.deadletters import DeadLetter, DeadLetters
from campaign.intake.queues.source import QueueMessage


class TriedAgain(NamedTuple):
    """`letters`: those that are letters now; `dead`: the others, with the reason of today."""

    letters: list[DeadLetter]
    dead: list[DeadLetter]


async def try_again(
    store: DeadLetters, intake: LetterIntake, ids: Collection[str] = ()
) -> TriedAgain:
    """Those with these ids, or all; each is forgotten when its letter is durable."""
    tried = TriedAgain([], [])
    for each in await asyncio.to_thread(store.chosen, ids):
        message = QueueMessage(each.body.encode("latin-1"), each.id, True, None)
        try:
            await intake.accept(letter_of(message, each.queue))
        except ValidationError as error:
            reason = sentence_of(error)
        except (BadLetterError, KeyConflictError) as error:
            reason = str(error)
        else:
            await asyncio.to_thread(store.forget, each)
            tried.letters.append(each)
            continue
        still = each._replace(reason=reason)
        await asyncio.to_thread(store.explain, still)
        tried.dead.append(still)
    return tried
