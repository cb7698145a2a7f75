"""Addresses of an office, not of a person: postmaster, sales, info.

In: a local part.  Out: whether it is one.  Touches: nothing.

Information only: a role may have asked for the letter, and several people read it.
"""

from __future__ import annotations

RFC_2142 = frozenset({
    "info", "marketing", "sales", "support", "abuse", "noc", "security", "postmaster",
    "hostmaster", "usenet", "news", "webmaster", "www", "uucp", "ftp",
})  # fmt: skip
# What else stands on the contact pages of organisations.
_OTHERS = frozenset({
    "admin", "administrator", "root", "mailer-daemon", "noreply", "no-reply", "donotreply",
    "do-not-reply", "office", "contact", "contacts", "hello", "help", "helpdesk", "service",
    "customerservice", "team", "jobs", "careers", "hr", "press", "media", "billing", "accounts",
    "accounting", "invoice", "invoices", "orders", "enquiries", "inquiries", "feedback",
    "legal", "privacy", "dpo", "it", "sysadmin", "devnull", "list", "list-request", "kontakt",
    "buchhaltung", "rechnung", "vertrieb", "contacto", "ventas", "facturacion", "comptabilite",
    "kefu", "service-client",
})  # fmt: skip
ROLES = RFC_2142 | _OTHERS


def is_role(local: str) -> bool:
    """`Sales+eu` is sales, whatever its case and its tag."""
    return local.partition("+")[0].lower() in ROLES
