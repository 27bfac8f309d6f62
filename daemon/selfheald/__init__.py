"""selfheald: a self-hosted daemon that turns failed CI pipelines into verified pull requests."""

__version__ = "0.1.0"
