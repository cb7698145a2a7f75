"""`campaign dkim`: keys of the signature and their records in the DNS."""

from campaign.cli.commands.dkim import keygen

HELP = "Make the keys that sign letters, and look at their records in the DNS."
COMMANDS = {"keygen": keygen}
