"""`campaign dkim`: keys of the signature and their records in the DNS."""

from campaign.cli.commands.dkim import check, keygen, rotate

HELP = "Make, check and change the keys that sign letters."
COMMANDS = {"keygen": keygen, "check": check, "rotate": rotate}
