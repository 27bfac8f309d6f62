"""How each kind of coding agent is started and read."""
