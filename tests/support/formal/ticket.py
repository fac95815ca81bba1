"""A ticket is sold once, and then used: a protocol whose mutants are known one by one."""

from flk.formal import BOOL, Protocol, Term, require

protocol = Protocol("ticket", "A ticket is sold, and then used.")
sold = protocol.scalar("sold", BOOL, initially=False)
used = protocol.scalar("used", BOOL, initially=False)


@protocol.action()
def sell() -> None:
    """A ticket is sold."""
    require(~sold, ~used)
    sold.next = True


@protocol.action()
def use() -> None:
    """A sold ticket is used."""
    require(sold)
    used.next = True


@protocol.always()
def used_is_sold() -> Term:
    """Only what was sold is used."""
    return ~used | sold


@protocol.always()
def sold_is_not_lost() -> Term:
    """True of everything, and so of every mutant."""
    return sold | ~sold


@protocol.reachable()
def it_is_used() -> Term:
    """Tickets are used."""
    return used
