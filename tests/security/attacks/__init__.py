"""The attacks, by what they are after. One attack is one short entry."""
