"""The campaign that the benchmarks send: a list of any length and a 5 KB multipart message.

In: a folder, a count, a port.  Out: a campaign folder.  Touches: that folder.

The message has a loop and a condition, names are accented or Chinese, and text and HTML together
come to about 5 KB on the wire; `more` paragraphs make it longer.
"""

from __future__ import annotations

import random
from pathlib import Path

GIVEN = ["José", "Zoë", "Jürgen", "王", "李", "Ada", "Małgorzata", "Søren", "张", "François"]
FAMILY = ["García", "Ångström", "小明", "伟", "Lovelace", "Müller", "Nguyễn", "秀英", "O'Neill"]
PLANS = ["basic", "plus", "pro"]

TEXT = """Dear {{ first_name }} {{ last_name }},

your {{ plan }} plan renews on 1 December. Here is what it did for you this year:

{% for n in range(4) %}- quarter {{ n + 1 }}: messages delivered to {{ city }} and around it
{% endfor %}
{% if plan == "pro" %}As a pro customer you have a person to call: +49 30 1234567.
{% else %}You can move to the pro plan at any time; the difference is counted by the day.
{% endif %}
There is nothing you need to do. The plan goes on for another year, at the price you know, and
you can end it at any time from your account page; what you have paid for and not used is paid
back within a week, without a question.

What is new since last year: messages arrive in half the time, the statistics page shows each
region by itself, invoices come as one file a month, and the support desk now answers on
Saturdays too. If something of this does not work as it should, answer to this message: a person
reads it.

With kind regards
The team at Example

Example GmbH, Musterstraße 1, 10115 Berlin. You receive this because you are a customer.
"""

HTML = """<!DOCTYPE html>
<html><head><meta charset="utf-8"><title>{{ plan }}</title>
<style>a { color: #2563eb } h1, h2 { line-height: 1.2 } li { margin: 4px 0 }
@media (max-width: 600px) { table { width: 100% !important } td { padding: 12px !important } }
</style></head>
<body style="margin:0;background:#f4f4f5;font-family:Helvetica,Arial,sans-serif;color:#18181b">
<table role="presentation" width="100%" cellpadding="0" cellspacing="0"><tr><td align="center">
<table role="presentation" width="600" cellpadding="0" cellspacing="0" style="background:#ffffff">
<tr><td style="padding:24px"><h1 style="font-size:22px">Dear {{ first_name }} {{ last_name }},</h1>
<p style="line-height:1.5">your <b>{{ plan }}</b> plan renews on 1 December. Here is what it did
for you this year:</p><ul>
{% for n in range(4) %}<li style="margin:4px 0;color:#3f3f46">quarter <b>{{ n + 1 }}</b>: messages
delivered to {{ city }} and around it</li>
{% endfor %}</ul>
{% if plan == "pro" %}<p style="line-height:1.5">As a pro customer you have a person to call.</p>
{% else %}<p style="line-height:1.5">You can move to the pro plan at any time.</p>{% endif %}
<p style="line-height:1.5">There is nothing you need to do. The plan goes on for another year, at
the price you know, and you can end it at any time from your account page; what you have paid for
and not used is paid back within a week, without a question.</p>
<h2 style="font-size:16px">What is new since last year</h2>
<table role="presentation" width="100%" cellpadding="0" cellspacing="0">
<tr><td style="padding:8px 0;border-bottom:1px solid #e4e4e7">Messages arrive in half the
time.</td></tr>
<tr><td style="padding:8px 0;border-bottom:1px solid #e4e4e7">The statistics page shows each
region by itself.</td></tr>
<tr><td style="padding:8px 0;border-bottom:1px solid #e4e4e7">Invoices come as one file a
month.</td></tr>
<tr><td style="padding:8px 0;border-bottom:1px solid #e4e4e7">The support desk now answers on
Saturdays too.</td></tr></table>
MORE<p><a href="https://example.com/renew/{{ number }}" style="background:#2563eb;color:#ffffff;
padding:12px 20px;border-radius:6px;text-decoration:none">Renew now</a></p>
<p style="font-size:12px;color:#71717a">You receive this because you are a customer of Example.
Example GmbH, Musterstraße 1, 10115 Berlin.</p></td></tr></table></td></tr></table>
</body></html>
"""

MORE = """<p style="line-height:1.5">The small print, which a long letter has a lot of: paragraph
after paragraph that is the same for everybody, as it is in most letters of this length.</p>
"""

SUBJECT = "{{ first_name }}, your {{ plan }} plan renews in {{ city }}"

CONFIG = """
name = "bench"
[recipients]
files = ["list.csv"]
name = "{{{{ first_name }}}} {{{{ last_name }}}}"
[message]
from = "Example <news@example.com>"
subject = "{subject}"
text = "body.txt"
html = "body.html"
{message}
[relay]
host = "127.0.0.1"
port = {port}
security = "{security}"
connections = {connections}
messages_per_connection = 100000
{relay}
"""


def write_list(path: Path, count: int) -> None:
    """The recipients: the same each time; a long list begins as a short one does."""
    dice = random.Random(7)
    with path.open("w", encoding="utf-8") as file:
        file.write("email,first_name,last_name,plan,city,number\n")
        for n in range(count):
            file.write(
                f"person{n}@d{n % 97}.example,{dice.choice(GIVEN)},{dice.choice(FAMILY)},"
                f"{dice.choice(PLANS)},Göttingen,{n:08d}\n"
            )


def write_campaign(
    folder: Path,
    count: int,
    port: int,
    *,
    connections: int = 50,
    security: str = "none",
    more: int = 4,
    message: str = "",
    relay: str = "",
) -> Path:
    """Write the campaign; `message` and `relay` are TOML lines for these tables."""
    folder.mkdir(parents=True, exist_ok=True)
    write_list(folder / "list.csv", count)
    (folder / "body.txt").write_text(TEXT, encoding="utf-8")
    (folder / "body.html").write_text(HTML.replace("MORE", MORE * more), encoding="utf-8")
    config = CONFIG.format(
        subject=SUBJECT,
        port=port,
        connections=connections,
        security=security,
        message=message,
        relay=relay,
    )
    (folder / "campaign.toml").write_text(config, encoding="utf-8")
    return folder
