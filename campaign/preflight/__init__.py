"""What can be asked of DNS, servers, templates and addresses before anything is sent."""
