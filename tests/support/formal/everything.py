"""A protocol that uses all of the language, to try translations on."""

from flk.formal.language import (
    ANY,
    BOOL,
    UNDEFINED,
    Protocol,
    Term,
    count,
    exists,
    forall,
    implies,
    integer,
    ite,
    require,
)

protocol = Protocol("everything", "Nothing sensible happens here, in every way the language knows.")

Thing = protocol.index("Thing", size=2)
Time = protocol.index("Time", size=3, ordered=True)
Colour = protocol.enum("Colour", "red", "green", "blue")
Small = integer(-2, 3)

number = protocol.map("number", Thing, to=Small, initially=0)
perhaps = protocol.map("perhaps", Colour, to=Small, partial=True)
table = protocol.map("table", integer(-1, 1), BOOL, to=Colour, initially=Colour.red)
when = protocol.map("when", Thing, to=Time, partial=True)
likes = protocol.relation("likes", Thing, Thing, initially=ANY)
lit = protocol.scalar("lit", BOOL, initially=False)
owner = protocol.scalar("owner", Thing, partial=True)


@protocol.assume
def everything_likes_itself() -> Term:
    """A fact, as no action changes it."""
    return forall(Thing, lambda x: likes[x, x])


@protocol.action(x=Thing, d=integer(-2, 2))
def divide(x: Term, d: Term) -> None:
    """Undefined for a divisor of 0."""
    require(lit | (number[x] // d < 2))
    number.next[x] = number[x] % d


@protocol.action(x=Thing, y=Thing)
def swap(x: Term, y: Term) -> None:
    """Writes one place twice where x = y."""
    number.next[x] = number[y]
    number.next[y] = number[x]


@protocol.action(c=Colour, n=Small)
def note(c: Term, n: Term) -> None:
    """May leave the bounds."""
    require(~perhaps.defined(c) | (perhaps[c] != n))
    perhaps.next[c] = ite(perhaps.defined(c), perhaps[c] + n, n * 2)
    lit.next = ~lit


@protocol.action(x=Thing)
def paint(x: Term) -> None:
    """May look outside of the table."""
    require(table[number[x] - 1, lit] != Colour.blue)
    table.next[number[x] - 1, :] = lambda on: ite(on == lit, Colour.green, table[number[x] - 1, on])


@protocol.action()
def forget() -> None:
    """Writes at all places at once."""
    perhaps.next[:] = UNDEFINED
    likes.next[:, :] = lambda x, y: likes[y, x] & ~(exists(Thing, lambda z: likes[x, z] & likes[z, y]))


@protocol.action(x=Thing, t=Time)
def age(x: Term, t: Term) -> None:
    """Time goes on."""
    require(forall(Thing, lambda y: implies(when.defined(y), when[y] < t)))
    when.next[x] = t
    owner.next = ite(owner.defined(), owner, x)


@protocol.action(t=Time)
def back(t: Term) -> None:
    """Reads what may be undefined."""
    require(when[owner] >= t, count(Colour, lambda c: ~perhaps.defined(c)) == 2)
    owner.next = UNDEFINED


@protocol.always()
def liked_back() -> Term:
    """Reads in an order that matters to nobody."""
    return forall(Thing, Thing, lambda x, y: implies(owner.defined() & (owner == x), likes[x, y] | (number[y] <= 1)))


@protocol.never()
def odd_colours() -> Term:
    """Quantifies over an enum and numbers."""
    return exists(Colour, integer(-1, 1), lambda c, n: perhaps.defined(c) & (perhaps[c] == n) & (table[n, lit] == c))
