"""Many workers of one journal: who lives, who holds what, where they are started."""
