"""aiosmtplib with ten connections and uvloop: `aiosmtplib_pool.py PORT FOLDER`."""

import asyncio
import sys
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path

import aiosmtplib  # type: ignore[import-not-found]
import uvloop
from smtplib_kept import letters  # type: ignore[import-not-found]

CONNECTIONS = 10


async def connection(port: int, waiting: Iterator[EmailMessage]) -> None:
    """One connection takes letter after letter."""
    async with aiosmtplib.SMTP(
        hostname="127.0.0.1", port=port, use_tls=False, start_tls=False
    ) as smtp:
        for message in waiting:
            await smtp.send_message(message)


async def main() -> None:
    port, folder = int(sys.argv[1]), Path(sys.argv[2])
    waiting = letters(folder, 0, 1)
    await asyncio.gather(*(connection(port, waiting) for _ in range(CONNECTIONS)))


if __name__ == "__main__":
    uvloop.run(main())
