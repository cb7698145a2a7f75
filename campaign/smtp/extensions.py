"""What a server offers in reply to EHLO.

In: a `Reply`.  Out: `Extensions`.  Touches: nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from campaign.records import Reply


@dataclass(frozen=True, slots=True)
class Extensions:
    """What the server offered in reply to EHLO (RFC 5321, 4.1.1.1); nothing after HELO."""

    name: str = ""  # as the server calls itself
    keywords: dict[str, str] = field(default_factory=dict)  # upper case -> parameters

    def __contains__(self, keyword: str) -> bool:
        return keyword in self.keywords

    @property
    def max_size_bytes(self) -> int:
        """Largest message (RFC 1870); 0: none stated."""
        size = self.keywords.get("SIZE", "")
        return int(size) if size.isascii() and size.isdigit() else 0

    @property
    def login_mechanisms(self) -> frozenset[str]:
        """Lower case names (RFC 4954)."""
        return frozenset(self.keywords.get("AUTH", "").lower().split())

    @property
    def letters_per_connection(self) -> int:
        """MAILMAX of LIMITS (RFC 9422); 0: none stated."""
        for limit in self.keywords.get("LIMITS", "").split():
            name, _, value = limit.partition("=")
            if name.upper() == "MAILMAX" and value.isascii() and value.isdigit():
                return int(value)
        return 0


def read_extensions(reply: Reply) -> Extensions:
    """The extensions in a reply to EHLO; the first line is the server's name."""
    keywords: dict[str, str] = {}
    for line in reply.lines[1:]:
        keyword, _, parameters = line.strip().partition(" ")
        if keyword.upper().startswith("AUTH="):  # written so before RFC 2554; still met
            keyword, parameters = "AUTH", f"{keyword[5:]} {parameters}"
        keyword = keyword.upper()
        if keyword == "AUTH" and keyword in keywords:
            parameters = f"{keywords[keyword]} {parameters}"
        keywords[keyword] = parameters.strip()
    return Extensions(reply.lines[0].partition(" ")[0], keywords)
