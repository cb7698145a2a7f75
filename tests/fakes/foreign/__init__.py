"""Real mail servers that nobody here wrote, seven of them.

In: a port.  Out: the subjects of what each delivered.  Touches: a folder under /var/tmp, ports on
loopback, processes of its own; each server has its own configuration, no service of the system is
started or changed.

Dovecot's submission service, chasquid, Courier and Haraka offer PIPELINING and cannot bear an
envelope in the same write as a dot.  Exim and Sendmail bear it; OpenSMTPD offers no PIPELINING.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from pathlib import Path

from fakes.foreign.chasquid import chasquid
from fakes.foreign.courier import courier
from fakes.foreign.dovecot import dovecot_submission
from fakes.foreign.exim import exim
from fakes.foreign.haraka import haraka
from fakes.foreign.opensmtpd import opensmtpd
from fakes.foreign.running import HARAKA, UNPACKED, Foreign
from fakes.foreign.sendmail import sendmail

SERVERS: dict[str, tuple[Callable[[], contextlib.AbstractContextManager[Foreign]], Path]] = {
    "dovecot": (dovecot_submission, Path("/usr/lib/dovecot/submission")),
    "chasquid": (chasquid, Path("/usr/bin/chasquid")),
    "courier": (courier, UNPACKED / "usr/sbin/couriertcpd"),
    "exim": (exim, UNPACKED / "usr/sbin/exim4"),
    "sendmail": (sendmail, UNPACKED / "usr/libexec/sendmail/sendmail"),
    "opensmtpd": (opensmtpd, UNPACKED / "usr/sbin/smtpd"),
    "haraka": (haraka, HARAKA),
}


def can_run(name: str) -> bool:
    """It is installed, and we may start it."""
    return os.geteuid() == 0 and SERVERS[name][1].exists()
