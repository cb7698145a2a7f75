"""Whatever moment the server is killed at: who was answered 200 is in the store."""

from __future__ import annotations

import http.client
import itertools
import os
import random
import threading
from collections.abc import Iterator
from pathlib import Path

from campaign.addresses.tokens import UnsubscribeTokens
from campaign.clock import SystemClock
from campaign.suppression.store import SuppressionStore
from fakes.processes.serving import Serving, serving, write
from fakes.web.serve_site import ONE_CLICK, SECRET

POSTS = int(os.environ.get("SERVE_POSTS", "200"))
TOKENS = UnsubscribeTokens([SECRET])


def post_until_killed(running: Serving, numbers: Iterator[int], answered: list[str]) -> None:
    """One client, one request after the other; what was answered is written down at once."""
    connection = running.connection()
    try:
        for number in numbers:
            key = f"user{number}@example.com"
            target = f"/u?t={TOKENS.token('newsletter', key, 'spring')}"
            connection.request("POST", target, ONE_CLICK)
            answer = connection.getresponse()
            answer.read()
            if answer.status == 200:
                answered.append(key)
    except (OSError, http.client.HTTPException):
        return  # it was killed
    finally:
        connection.close()


def test_who_was_answered_is_in_the_store_however_the_server_dies(url: str, tmp_path: Path) -> None:
    chance = random.Random(23)
    answered: list[str] = []
    numbers = itertools.count()
    kills = 0
    write(tmp_path, url)
    while len(answered) < POSTS:
        until = len(answered) + chance.randint(1, min(POSTS // 3, 500))
        with serving(tmp_path) as running:
            clients = [
                threading.Thread(target=post_until_killed, args=(running, numbers, answered))
                for _ in range(8)
            ]
            for client in clients:
                client.start()
            while len(answered) < until:
                clients[0].join(0.002)
                assert running.process.poll() is None
            running.process.kill()
            kills += 1
            for client in clients:
                client.join(60)
    with SuppressionStore.open(url, tmp_path, SystemClock()) as store:
        found = store.lookup(answered, ("newsletter",))
    assert [key for key in answered if key not in found] == []
    assert kills >= 2
