"""git: mirrors, work trees, commits, pushes."""
