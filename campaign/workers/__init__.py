"""The processes that render: frames over pipes, limits, confinement, and their pool."""
