"""Commands about what is kept: prune, back up, restore."""
