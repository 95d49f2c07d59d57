"""What ships said.

Takes provider files; gives fixes with marks, statics, tracks, reception and gaps, and where a
track's ship should be at an instant. Promises: no row is lost unseen, and a silence is evidence
only where the receivers would have heard.
"""
