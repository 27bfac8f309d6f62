"""The tests, and what they share: builders of domain values, and fakes of the ports."""
