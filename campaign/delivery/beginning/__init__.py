"""What must hold before a run may claim anybody."""
