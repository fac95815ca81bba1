"""How faults are applied: each begins and ends at its moment, by a handler for its kind. The kinds of faults are in `scenarios`."""
