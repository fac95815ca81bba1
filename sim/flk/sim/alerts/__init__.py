"""The alerts of the specification's table, evaluated in simulation.

    meter       what nodes tell of themselves while they run
    exporter    the metrics that a node's counts amount to, and a scraper that asks for them at intervals
    series      what was scraped, as a time-series database has it
    promql      expressions over series
    alerts      when each alert was pending and fired, which fault explains it, and how soon it was noticed
"""
