"""The campaign that the benchmarks send: a list of any length and a 5 KB multipart message.

In: a folder, a count, a port.  Out: a campaign folder.  Touches: that folder.

The message has a loop and a condition, names are accented or Chinese, and text and HTML together
come to about 5 KB on the wire.
"""

from __future__ import annotations

import random
from pathlib import Path

GIVEN = ["José", "Zoë", "Jürgen", "王", "李", "Ada", "Małgorzata", "Søren", "张", "François"]
FAMILY = ["García", "Ångström", "小明", "伟", "Lovelace", "Müller", "Nguyễn", "秀英", "O'Neill"]
PLANS = ["basic", "plus", "pro"]

TEXT = """Dear {{ first_name }} {{ last_name }},

your {{ plan }} plan renews on 1 December. Here is what it did for you this year:

{% for n in range(8) %}- month {{ n + 1 }}: {{ 17 * n + 3 }} messages delivered to {{ city }}
{% endfor %}
{% if plan == "pro" %}As a pro customer you have a person to call: +49 30 1234567.
{% else %}You can move to the pro plan at any time; the difference is counted by the day.
{% endif %}
With kind regards
The team at Example
"""

HTML = """<!DOCTYPE html>
<html><head><meta charset="utf-8"><title>{{ plan }}</title></head>
<body style="margin:0;background:#f4f4f5;font-family:Helvetica,Arial,sans-serif;color:#18181b">
<table role="presentation" width="100%" cellpadding="0" cellspacing="0"><tr><td align="center">
<table role="presentation" width="600" cellpadding="0" cellspacing="0" style="background:#ffffff">
<tr><td style="padding:24px"><h1 style="font-size:22px">Dear {{ first_name }} {{ last_name }},</h1>
<p style="line-height:1.5">your <b>{{ plan }}</b> plan renews on 1 December. Here is what it did
for you this year:</p><ul>
{% for n in range(12) %}<li style="margin:4px 0;color:#3f3f46">month {{ n + 1 }}:
<b>{{ 17 * n + 3 }}</b> messages delivered to {{ city }}</li>
{% endfor %}</ul>
{% if plan == "pro" %}<p style="line-height:1.5">As a pro customer you have a person to call.</p>
{% else %}<p style="line-height:1.5">You can move to the pro plan at any time.</p>{% endif %}
<p><a href="https://example.com/renew/{{ number }}" style="background:#2563eb;color:#ffffff;
padding:12px 20px;border-radius:6px;text-decoration:none">Renew now</a></p>
<p style="font-size:12px;color:#71717a">You receive this because you are a customer of Example.
Example GmbH, Musterstraße 1, 10115 Berlin.</p></td></tr></table></td></tr></table>
</body></html>
"""

CONFIG = """
name = "bench"
[recipients]
files = ["list.csv"]
name = "{{{{ first_name }}}} {{{{ last_name }}}}"
[message]
from = "Example <news@example.com>"
subject = "{{{{ first_name }}}}, your {{{{ plan }}}} plan renews in {{{{ city }}}}"
text = "body.txt"
html = "body.html"
[relay]
host = "{host}"
port = {port}
security = "none"
connections = {connections}
messages_per_connection = 100000
{extra}
"""


def write_campaign(
    folder: Path,
    count: int,
    port: int,
    *,
    connections: int = 50,
    host: str = "127.0.0.1",
    extra: str = "",
) -> Path:
    """Write the campaign; `extra` is TOML that follows in the [relay] table."""
    folder.mkdir(parents=True, exist_ok=True)
    dice = random.Random(7)
    with (folder / "list.csv").open("w", encoding="utf-8") as file:
        file.write("email,first_name,last_name,plan,city,number\n")
        for n in range(count):
            file.write(
                f"person{n}@d{n % 97}.example,{dice.choice(GIVEN)},{dice.choice(FAMILY)},"
                f"{dice.choice(PLANS)},Göttingen,{n:08d}\n"
            )
    (folder / "body.txt").write_text(TEXT, encoding="utf-8")
    (folder / "body.html").write_text(HTML, encoding="utf-8")
    config = CONFIG.format(host=host, port=port, connections=connections, extra=extra)
    (folder / "campaign.toml").write_text(config, encoding="utf-8")
    return folder
