"""`campaign suppress`: who must not be written to, by any campaign that names the same store."""

from campaign.cli.commands.suppress import add, erase, exporting, importing, listing, remove, why

HELP = "Say who must not be written to, and see why."
COMMANDS = {
    "add": add,
    "remove": remove,
    "list": listing,
    "import": importing,
    "export": exporting,
    "why": why,
    "erase": erase,
}
