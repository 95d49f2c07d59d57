"""Pictures against air.

Takes one scene's detections and the ships on the air at that instant; gives each detection an
outcome with the terms behind it, and says of each AIS ship in view whether the picture shows it.
Promises: one ship is one detection at most, and "dark" needs proof that others were heard.
"""
