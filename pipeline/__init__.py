"""Darkcall."""

import os
import sys

# Libraries that report to their makers unless told not to. Who watches which ports is nobody's
# business: the switches are thrown before any of them can be imported, in every process.
# None is what `import` takes as "not there": openvino then falls back on a stub of its own.
sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
os.environ.setdefault("YOLO_OFFLINE", "true")  # ultralytics
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")

# Where this package of developers' is installed, jsonschema compiles its grammar of addresses when
# it is imported: seconds of every command's start, for a check that nothing here asks for.
sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]
