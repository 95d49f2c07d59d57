"""Ships in pictures: pixels and sea in, detections with errors and reasons out.

Reading order: `hull` (what is found), `detector` (who finds it), `cfar` with `clutter`, `parts`,
`measure` and `score` (how), `run` and `merge` (windows and seams), `locate`, `tanker`, `screen`.
"""
