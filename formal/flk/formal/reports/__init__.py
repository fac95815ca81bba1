"""What exploration found, as people read it: tables of changes, sequence diagrams, coverage and statistics."""
