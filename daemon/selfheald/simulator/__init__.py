"""A loopback Semaphore and a loopback GitHub, faithful down to their quirks: for the demo and for tests."""
