"""Streams of an audit log to SIEMs: what each vendor is sent, and what its answers say of each event (SIEM-*).

Pure functions. The program that sends, retries and remembers is `flk.model.programs.stream`.
"""
