"""The protocols of the lab: ingest, replication, outbox, migration, tiering, audit, and two-phase commit as a yardstick."""
