"""A season whose truth is known: ships, voyages, radio and satellite passes, and their files.

Takes sites and a seed; gives scenes and AIS days as archives and providers would deliver them, and
the truth beside them. Promises: same seed, same bytes, whatever the order items are made in.
"""
