"""GitHub: pull requests, labels, reviewers."""
