"""Semaphore's conditions language: ``branch = 'main' AND result = 'failed'``."""
