"""Darkcall."""
