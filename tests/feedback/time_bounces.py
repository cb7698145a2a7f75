"""How long a Maildir of 10,000 mails takes: bounces of each software, answers, ordinary mail."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path

from campaign.journal.reading.reader import Reader
from campaign.journal.reading.returned.letters import LetterBook
from feedback.corpus import CORPUS
from feedback.mailbox import sent_campaign

COUNT = 10_000


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        spring = sent_campaign(Path(name) / "spring", people=COUNT)
        box = Path(name) / "m"
        for part in ("new", "cur", "tmp"):
            (box / part).mkdir(parents=True)

        with closing(Reader.open(*spring.journal)) as reader:
            book = LetterBook(reader)
            ids = [letter.message_id for row in range(1, COUNT + 1) if (letter := book.letter(row))]
        for number, id_ in enumerate(ids):
            raw = CORPUS[number % len(CORPUS)].raw
            raw = raw.replace(b"<0123456789abcdef0123456789abcdef@example.com>", id_.encode())
            (box / "new" / f"{number}.M1.host").write_bytes(raw)
        command = [sys.executable, "-m", "campaign.cli.main", "bounces", str(box)]
        began = time.monotonic()
        subprocess.run([*command, "--campaign", str(spring.folder)], check=True)
        print(f"{COUNT:,} mails in {time.monotonic() - began:.1f} s")


if __name__ == "__main__":
    main()
