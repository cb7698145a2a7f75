"""smtplib with a kept connection, in two processes: `smtplib_kept.py PORT FOLDER`."""

import csv
import multiprocessing
import smtplib
import sys
from collections.abc import Iterator
from email.message import EmailMessage
from email.utils import formataddr, formatdate, make_msgid
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, select_autoescape

PROCESSES = 2


def letters(folder: Path, shard: int, shards: int) -> Iterator[EmailMessage]:
    """The EmailMessage of every recipient of this shard."""
    env = Environment(loader=FileSystemLoader(folder), autoescape=select_autoescape())
    subject, text, html = map(env.get_template, ("subject.txt", "body.txt", "body.html"))
    with (folder / "list.csv").open(encoding="utf-8", newline="") as file:
        for number, row in enumerate(csv.DictReader(file)):
            if number % shards != shard:
                continue
            message = EmailMessage()
            message["From"] = "Example <news@example.com>"
            message["To"] = formataddr((f"{row['first_name']} {row['last_name']}", row["email"]))
            message["Subject"] = subject.render(row)
            message["Date"] = formatdate()
            message["Message-ID"] = make_msgid(domain="example.com")
            message.set_content(text.render(row))
            message.add_alternative(html.render(row), subtype="html")
            yield message


def send(port: int, folder: Path, shard: int) -> None:
    with smtplib.SMTP("127.0.0.1", port) as smtp:
        for message in letters(folder, shard, PROCESSES):
            smtp.send_message(message)


def main() -> None:
    port, folder = int(sys.argv[1]), Path(sys.argv[2])
    processes = [
        multiprocessing.Process(target=send, args=(port, folder, shard))
        for shard in range(PROCESSES)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    sys.exit(any(process.exitcode for process in processes))


if __name__ == "__main__":
    main()
