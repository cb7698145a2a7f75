"""What the DNS says about a sender: SPF, DMARC, policies of transport, names of hosts."""
