"""What nodes did, as events of the protocols: from observed effects to traces that can be validated. Decides nothing."""
