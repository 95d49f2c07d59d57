"""Pixels with a place and a meaning.

Takes delivered files; gives calibrated images on a site's 10 m grid, what is sea, cloud and land in
them, crops for people, and a STAC catalogue. Promises: each scale and offset is applied once.
"""
