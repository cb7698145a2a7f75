"""Whatever moment the API is killed at: each letter is accepted once, and what was answered stays.

The long form, 10,000 letters, is `make api-kills`.
"""

from __future__ import annotations

import http.client
import os
import random
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from campaign.journal.arrivals import FIRST, Arrivals
from fakes.mail.recorder import recorder
from fakes.prepared.open_campaigns import open_campaign
from fakes.prepared.triggering import audited, one_pass, results
from fakes.processes.api_server import LETTER, SERVE, ApiServer, api_server

POSTS = int(os.environ.get("API_POSTS", "240"))
KILLS = max(3, POSTS // 400)
CLIENTS = 8


def ask_until_answered(
    server: ApiServer, numbers: Iterator[int], answers: dict[int, str], stop: threading.Event
) -> None:
    """One client: each letter is asked for with its key, again and again until it is answered."""
    for number in numbers:
        while not stop.is_set():
            try:
                answer = server.post(
                    LETTER | {"to": f"p{number}@example.com"}, idempotency=f"order-{number}"
                )
            except (OSError, http.client.HTTPException):
                stop.wait(0.02)  # it was killed, and comes back at the same port
                continue
            if answer.status == 202:
                answers[number] = answer.said["id"]
                break
            assert answer.status in (429, 503), answer


def test_every_letter_is_accepted_once_however_often_the_server_is_killed(tmp_path: Path) -> None:
    with recorder() as relay:
        campaign = open_campaign(tmp_path, port=relay.port, more=SERVE)
        dice, stop = random.Random(28), threading.Event()
        answers: dict[int, str] = {}
        with api_server(tmp_path) as server:
            clients = [
                threading.Thread(
                    target=ask_until_answered,
                    args=(server, iter(range(first, POSTS, CLIENTS)), answers, stop),
                )
                for first in range(CLIENTS)
            ]
            for client in clients:
                client.start()
            try:
                for _ in range(KILLS):
                    until = len(answers) + dice.randint(1, max(2, POSTS // (KILLS + 1)))
                    while len(answers) < min(until, POSTS):
                        clients[0].join(0.001)
                    server.kill()
                    server.start()
                for client in clients:
                    client.join(120)
            finally:
                stop.set()
        with closing(Arrivals.open(*campaign.journal)) as arrivals:
            kept = {
                each.letter.id: each.letter.address
                for each in arrivals.between(0, 10 * POSTS, FIRST, 10 * POSTS)
            }
        assert {answers[n]: f"p{n}@example.com" for n in range(POSTS)} == kept
        one_pass(campaign)
        assert relay.received == {f"p{n}@example.com": 1 for n in range(POSTS)}
    assert {each.state for each in results(campaign)} == {"sent"}
    audited(campaign)
