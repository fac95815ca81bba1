"""The alerts of the specification's table, evaluated in simulation.

`exporter` makes the metrics of the table of what nodes do, and is scraped at intervals into `series`;
`promql` evaluates expressions over them, at all moments at once with `vectors`; `alerts` says when each alert was pending and
fired, which fault explains it, and how soon it was noticed.
"""
