"""Asking an SDK: the protocol of JSON lines, a session with a process, the comparison of answers. Knows no HTTP."""
