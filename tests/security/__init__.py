"""Attacks on the sandbox and on the daemon: each is a small program, and is shown to work without its protection."""
