"""selfheald: a self-hosted daemon that turns failed CI pipelines into verified pull requests."""

VERSION = "0.1.0"
