"""`campaign dkim`: keys of the signature and their records in the DNS."""

from campaign.cli.commands.dkim import check, keygen, rotate

HELP = "Make the keys that sign letters, and look at their records in the DNS."
COMMANDS = {"keygen": keygen, "check": check, "rotate": rotate}
