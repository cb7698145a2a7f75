"""docs/webhooks.md says what is told, and how long it is tried."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

from campaign.config.settings import Webhook
from campaign.units import show_duration
from campaign.webhooks.notices import KINDS
from campaign.webhooks.patience import NOTICE_WAITS_S

PAGE = (Path(__file__).parents[2] / "docs/webhooks.md").read_text("utf-8")


def test_the_page_and_the_settings_name_every_event() -> None:
    table = PAGE.partition("| event | when |")[2].partition("\n\n")[0]
    named = [cell for line in table.splitlines() for cell in line.split("|")[1:2]]
    assert tuple(re.findall(r"`(\w+)`", "".join(named))) == KINDS
    field = Webhook.model_fields["events"].annotation
    assert set(get_args(get_args(field)[0])) == set(KINDS)


def test_the_page_has_the_schedule() -> None:
    waits = [show_duration(wait).replace("m", " min").replace("h", " h") for wait in NOTICE_WAITS_S]
    waits = [re.sub(r"(?<=\d)s", " s", wait).replace("1d", "24 h") for wait in waits]
    assert f"{', '.join(waits[:-1])} and {waits[-1]}" in " ".join(PAGE.split())
