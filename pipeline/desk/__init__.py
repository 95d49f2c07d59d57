"""The review desk: analysts look at cases in a browser and decide.

A web application over what others give it: cases, what is shown of each, pictures, and the journal.
"""
