"""The MCP gateway: to an agent the server ``semaphore``, held to the failing workflow."""
