"""What the daemon serves: /metrics, /healthz, /readyz."""
