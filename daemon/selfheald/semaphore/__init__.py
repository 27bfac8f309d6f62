"""Semaphore: REST, job logs, MCP."""
