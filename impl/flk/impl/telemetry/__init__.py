"""What a node tells an OpenTelemetry collector: spans of submissions and passes, and its log lines (OBS-9, OBS-10).

Only a node that is given `--otlp` imports more than `telling`, and the packages of the extra `otlp`. Nothing else depends on it.
"""
