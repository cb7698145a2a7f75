"""`campaign sandbox`: a mail server on this machine that delivers to nobody.

In: a port.  Out: what it listens on.  Touches: a port on loopback, the folder of the mailbox.
"""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Annotated

import typer

from campaign.cli.arguments import HERE, MetricsOption, PathArgument
from campaign.cli.rehearsal import FOLDER
from campaign.cli.services.metering import metrics_beside
from campaign.cli.services.serving import INBOX_PORT, start_inbox
from campaign.cli.terminal.tables import table
from campaign.errors import EXIT_DONE

EXAMPLES = ("campaign sandbox spring --port 2525",)
LOOPBACK = "127.0.0.1"


def command(
    path: PathArgument = HERE,
    port: Annotated[
        int, typer.Option(metavar="PORT", min=0, max=65535, help="0 takes a free one.")
    ] = 2525,
    mail: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Where the mail is kept; left out: PATH/state/sandbox."),
    ] = None,
    web_port: Annotated[
        int, typer.Option(metavar="PORT", min=0, max=65535, help="Port of the inbox page.")
    ] = INBOX_PORT,
    no_web: Annotated[bool, typer.Option("--no-web", help="Without the inbox page.")] = False,
    metrics: MetricsOption = "",
) -> int:
    """Run a mail server that delivers to nobody.

    It listens on loopback, keeps what it gets, and plays every kind of mailbox.
    """
    from campaign.sandbox.server import Sandbox
    from campaign.sandbox.simulator import MAILBOXES

    folder = mail or (path if path.is_dir() else path.parent) / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    signals = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)  # before the server's thread starts
    sandbox = Sandbox(folder, host=LOOPBACK, port=port)
    sandbox.start()
    inbox = None
    try:
        if not no_web:
            inbox = start_inbox(folder, f"{LOOPBACK}:{sandbox.port}", web_port)
            print(f"Inbox: {inbox.url}")
        print(f"Listening on {LOOPBACK}:{sandbox.port}; what arrives is kept in {folder}")
        print("Ctrl-C ends it. How an address is answered depends on the part before the @:")
        print("\n".join(table(MAILBOXES)), flush=True)
        with metrics_beside(metrics, sandbox.figures):
            signal.sigwait(signals)
    finally:
        if inbox:
            inbox.stop()
        sandbox.stop()
        signal.pthread_sigmask(signal.SIG_UNBLOCK, signals)
    return EXIT_DONE
