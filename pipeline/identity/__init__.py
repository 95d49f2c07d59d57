"""Who a ship says she is, over time, and which watch lists she is on."""
