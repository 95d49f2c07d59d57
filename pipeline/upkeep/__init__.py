"""Nights that nobody watches: alerts, metrics, health, what is kept and for how long.

Takes what the stages left behind and what the machine says of itself; gives words and figures for
those who run it. It never changes a result.
"""
