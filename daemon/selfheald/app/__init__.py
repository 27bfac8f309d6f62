"""The composition root: what the parts are, how they are wired, how they run."""
