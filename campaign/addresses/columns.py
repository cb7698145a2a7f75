"""What a column of addresses is called, in lists and in what other systems export.

In: nothing.  Out: `ADDRESS_COLUMNS`, in small letters, the surest first.  Touches: nothing.
"""

from __future__ import annotations

from typing import Final

ADDRESS_COLUMNS: Final = (
    "email", "e-mail", "address", "mail", "email address", "e-mail address", "emailaddress",
    "邮箱", "电子邮箱", "邮箱地址", "电子邮件", "邮件地址", "电子邮件地址",
    "郵箱", "電子郵件", "電郵", "電郵地址", "電子郵件地址",
)  # fmt: skip
