"""Which scenes there are.

Takes folders and a site; gives descriptions of the scenes that meet it, from STAC items, SAFE
products and bare GeoTIFFs. Promises: nothing is passed over silently, a file that claims to be a
scene and is none is named with its reason.
"""
