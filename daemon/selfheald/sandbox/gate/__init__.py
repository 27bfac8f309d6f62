"""The network gate: what an attempt may reach outside, and nothing else."""
