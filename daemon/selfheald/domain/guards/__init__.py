"""What must not leave the machine, and what a human must see first: guards on the diff of a proposal. Pure."""
