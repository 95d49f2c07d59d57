"""How right the chain is: hulls against labelled ports, a season against its known truth."""
