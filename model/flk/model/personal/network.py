"""Addresses of the Internet Protocol that are some device's (RFC 791, RFC 4291)."""

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address

from flk.model.personal.find import Kind, Span
from flk.model.personal.folding import Folded
from flk.model.personal.patterns import pattern, said_before, stands_alone

V4 = pattern(r"[0-9]{1,3}(?:\.[0-9]{1,3}){3,}")
V6 = pattern(r"[0-9A-Fa-f:.]{2,}")
_MOST_V6 = 45  # characters, the last 32 bits written as an IPv4 address
_MIN_COLONS = 2
_VERSION = pattern(r"\b(?:v|ver|version|release|oid)[ .:=]{0,2}$")


def v4(folded: Folded) -> Iterator[Span]:
    """Four numbers up to 255 with dots between, and not more: no version, no loopback, no address of everybody."""
    shape = folded.shape
    for match in V4.apart(shape):
        start, end = match.span()
        after_dot = shape[start - 1 : start] == b"." and start > 0
        if after_dot or not stands_alone(shape, start, end) or said_before(shape, start, _VERSION):
            continue
        try:
            address = IPv4Address(folded.text[start:end])
        except ValueError:
            continue
        if not (address.is_loopback or address.packed[0] == 0 or address.packed == b"\xff" * 4):
            yield Span(start, end, Kind.IP)


def v6(folded: Folded) -> Iterator[Span]:
    """Eight groups of hexadecimal digits, or fewer and `::`. One without a digit is a name of a program: `dead::beef`."""
    shape = folded.shape
    for match in V6.apart(shape):
        start, end = match.span()
        while end > start and shape[end - 1] == ord("."):
            end -= 1
        if end - start > 2 and shape[end - 1] == ord(":") and shape[end - 2] != ord(":"):
            end -= 1
        text = folded.text[start:end]
        if len(text) > _MOST_V6 or text.count(":") < _MIN_COLONS or not stands_alone(shape, start, end):
            continue
        try:
            address = IPv6Address(text)
        except ValueError:
            continue
        if any(map(str.isdigit, text)) and not (address.is_loopback or address.is_unspecified):
            yield Span(start, end, Kind.IP)
