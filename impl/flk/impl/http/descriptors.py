"""How many connections the process has descriptors for (HTTP-5)."""

import resource

from flk.spec.constants import Http
from flk.spec.errors import UnusableInput

FEWEST = 8  # connections with which a server is of use


def raise_limit(limits: Http) -> int:
    """Let the process open as many files as the limits ask for, if it may; the most connections there can be then.

    Raises UnusableInput if next to none are left beside those that log and store need.
    """
    wanted = limits.max_connections + limits.reserved_descriptors
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = wanted if hard == resource.RLIM_INFINITY else min(hard, wanted)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
        soft = most
    left = wanted if soft == resource.RLIM_INFINITY else soft
    connections = min(limits.max_connections, left - limits.reserved_descriptors)
    if connections < FEWEST:
        least = limits.reserved_descriptors + FEWEST
        raise UnusableInput(
            f"this process may open {left} files, and needs {least}: allow it more (ulimit -n {wanted}), "
            "or reserve fewer (--limit reserved_descriptors=…)"
        )
    return connections
