"""Mail servers, nameservers, mailboxes and verifiers, with what they were told."""
