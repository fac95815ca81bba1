"""When two JSON values are one."""


def equal(a: object, b: object) -> bool:
    """Whether two JSON values are one: numbers by value whatever their text, objects whatever their order."""
    match a, b:
        case (bool(), _) | (_, bool()):
            return a is b
        case ((int() | float()), (int() | float())):
            return a == b
        case list(), list():
            return len(a) == len(b) and all(map(equal, a, b))
        case dict(), dict():
            return a.keys() == b.keys() and all(equal(value, b[key]) for key, value in a.items())
    return a == b
