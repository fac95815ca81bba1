"""The vector tier: requests are arrays, advanced from one control event to the next; control events are the message tier's own."""
