"""Semaphore's read tools: by its MCP server where there is one, else by its REST API, in the same shapes."""
