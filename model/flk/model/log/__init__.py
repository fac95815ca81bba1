"""The write-ahead log's format and its clock: pure functions of bytes and integers. Opens no file."""
