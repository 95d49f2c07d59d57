"""Who called.

Takes one site's tracks, silences, matched detections and coverage; gives port calls, those on the
air and dark ones, and for each dark call the ships that may have made it. Promises: arrival and
departure are intervals, "a ship we do not know" is always among the candidates, and no image is no
evidence of absence.
"""
