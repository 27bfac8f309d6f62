"""Semaphore's tools for an agent: what of Semaphore an attempt may ask for, and what it is shown of an answer. Pure."""
