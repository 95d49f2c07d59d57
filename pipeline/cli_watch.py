"""Commands of those who run it: the night's run, alerts, status, doctor, metrics."""
