"""An open campaign in a folder: letters of codes and receipts, and what applications ask for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from campaign.config.loader import Campaign, load
from campaign.intake.requests import LetterRequest

TOML = """\
name = "shop"
kind = "open"

[message]
from = "Shop <shop@example.com>"

[template.code]
subject = "{{ code }} is your code"
text = "letters/code.txt"
in_doubt = "hold"
expire_after = "10m"

[template.receipt]
subject = "Your order {{ order }}"
text = "letters/receipt.txt"
html = "letters/receipt.html"
in_doubt = "resend"

[template.news]
subject = "News"
text = "letters/news.txt"
lane = "bulk"

[unsubscribe]
url = "https://example.com/u"
secret = { file = "secret" }
list = "newsletter"

[relay]
host = "127.0.0.1"
port = 1
security = "none"
"""
FILES = {
    "letters/code.txt": "Hello,\n\nyour code is {{ code }}.\n",
    "letters/receipt.txt": (
        "Order {{ order }}\n{% for line in lines %}{{ line.count }} x {{ line.name }}\n{% endfor %}"
    ),
    "letters/receipt.html": (
        "<p>Order {{ order }}</p>{% for line in lines %}<p>{{ line.name }}</p>{% endfor %}\n"
    ),
    "letters/news.txt": "There is news.\n",
    "secret": "0123456789abcdef0123456789abcdef",
}


def open_campaign(folder: Path, *, toml: str = TOML, more: str = "", port: int = 0) -> Campaign:
    """Written and loaded; its relay listens on `port`, `more` stands at the end of its file."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "letters").mkdir(exist_ok=True)
    for name, text in FILES.items():
        (folder / name).write_text(text, encoding="utf-8")
    (folder / "secret").chmod(0o600)
    if port:
        toml = toml.replace("port = 1\n", f"port = {port}\n")
    (folder / "campaign.toml").write_text(toml + more, encoding="utf-8")
    return load(folder)


def code(to: str = "ada@example.com", **fields: Any) -> LetterRequest:
    """A request for a code."""
    asked: dict[str, Any] = {"template": "code", "data": {"code": "1234"}, "scope": "app"}
    return LetterRequest(to=to, **(asked | fields))
