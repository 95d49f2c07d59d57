"""From berth to berth, and what it comes to in barrels.

Takes the season's port calls and the ships that may have made the dark ones; gives voyages from a
load berth to a discharge berth, and a ledger of barrels against the cap of each calendar year.
Promises: a call is an end of one voyage at most, a link never asks for more speed than a tanker
has, a missing end says so, and barrels are intervals under stated assumptions, never measurements.
"""
