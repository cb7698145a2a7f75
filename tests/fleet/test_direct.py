"""Sent directly, a domain belongs to one worker at a time, and who joins gets a share."""

from __future__ import annotations

import time
from contextlib import ExitStack
from pathlib import Path

from fakes.mail.dns_server import dns_server
from fakes.mail.internet import ServerAt, World
from fakes.mail.scripted_smtp import Script
from fakes.prepared.sending import direct
from fakes.processes.crashing import run
from fakes.processes.fleet import members, prove, workers_in
from fakes.servers.postgresql import DatabaseServer

_DOMAINS = 12
_EACH = 8
_TOML = """
name = "fleet"
[recipients]
files = ["list.csv"]
[message]
from = "ada@example.com"
subject = "Letter {{ number }}"
text = "body.txt"
[limits."d0.example"]
rates = ["2/s"]
[fleet]
lease = "3s"
"""


def test_two_workers_send_to_the_servers_of_each_domain(
    tmp_path: Path, database: DatabaseServer
) -> None:
    with ExitStack() as stack:
        dns = stack.enter_context(dns_server())
        good = stack.enter_context(ServerAt(Script(), "127.0.0.1", 0))
        world = World(dns, tmp_path, stack, good)
        for number in range(_DOMAINS):
            world.at(f"d{number}.example", 1)
        url = database.new_database()
        people = [f"p{n}@d{n % _DOMAINS}.example,{n}" for n in range(_DOMAINS * _EACH)]
        (tmp_path / "list.csv").write_text("\n".join(["email,number", *people, ""]))
        (tmp_path / "body.txt").write_text("Letter {{ number }}.\n")
        way = direct(good.port, dns.address)
        (tmp_path / "campaign.toml").write_text(f'{_TOML}{way}\n[journal]\nurl = "{url}"\n')
        planned = run(tmp_path, "plan", "--no-render")
        assert planned.returncode == 0, planned.stderr
        with workers_in(tmp_path) as workers:
            workers.start("one")
            while not good.accepted:
                time.sleep(0.02)
            workers.start("two")
            for name in ("one", "two"):
                assert workers.end_of(name) == 0, workers.said[name]
        arrived = [letter.recipient for letter in good.accepted]
        assert len(arrived) == len(set(arrived)) == len(people)
        assert {how for _, _, how, _ in members(database, url)} == {"left"}
        prove(tmp_path, url)
