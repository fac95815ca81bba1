"""What a node tells an OpenTelemetry collector: spans of submissions and passes, and its log lines (OBS-9, OBS-10).

Only a node that is given `--otlp` imports what lies here, and the packages of the extra `otlp`. Nothing a node does depends on it.
"""
