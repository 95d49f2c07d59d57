"""What a person decides on, and what everybody else may read.

Takes the findings of all other chapters; gives a queue of cases, most valuable first, and a report
that opens from disk without a network. Promises: numbers come with their uncertainty, names from
the air are never trusted as markup, and nothing unreviewed is shown without saying so.
"""
