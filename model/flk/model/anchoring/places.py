"""Where anchors of a log's checkpoints are: beside one another, by how many leaves the checkpoint has (ANC-2, ANC-3)."""

PREFIX = "anchor/"
CHECKPOINT = "checkpoint"
"""What the signed note is called that was anchored."""


def place(size: int, name: str) -> str:
    """The object of an anchor, or of the checkpoint that is anchored.

    >>> place(1024, CHECKPOINT)
    'anchor/000000001024/checkpoint'
    """
    return f"{PREFIX}{size:012d}/{name}"
