"""The proxy that leads to the hosts of ``egress``: by name and port, resolved outside, and to no other place."""
