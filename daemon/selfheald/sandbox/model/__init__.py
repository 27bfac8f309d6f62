"""The key-holding model proxy: the agent asks the model through it, and never sees the key."""
