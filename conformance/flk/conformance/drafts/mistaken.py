"""What is wrong with documents that are no policies: of each field by what is wrong, the rule that it breaks, why, the value."""

from flk.spec.constants import CONSTANTS

LIMITS = CONSTANTS.policy
_Wrong = dict[str, tuple[str, str, object]]


def _number(most: float) -> _Wrong:
    """What no number of a policy may be."""
    return {
        "below": ("POL-2", "a billionth below the least", -1e-9),
        "above": ("POL-2", "a billionth above the greatest", round(most + 1e-9, 9)),
        "text": ("POL-1", "a number is no text", "0.1"),
        "null": ("POL-1", "a number is there", None),
        "true": ("POL-1", "a truth value is no number", True),
        "list": ("POL-1", "a number stands alone", [0.1]),
        "ten-decimals": ("POL-1", "at most nine decimals", 0.1234567891),
    }


def _few(most: float) -> _Wrong:
    return {name: wrong for name, wrong in _number(most).items() if name in {"below", "above"}}


def _texts(requirement: str, comment: str, values: dict[str, object]) -> _Wrong:
    return {slug: (requirement, comment, value) for slug, value in values.items()}


MISTAKEN: dict[str, _Wrong] = {
    "tol_D": _number(LIMITS.tol_D_max),
    "tol_budget": _few(LIMITS.tol_budget_max),
    "alpha": {"below": _few(1)["below"]},
    "beta": {"below": _few(1)["below"]},
    "gamma": {
        "below": _few(1)["below"],
        "sum": ("POL-2", "the weights make more than 1 by a billionth", 0.200000001),
    },
    "base": _few(1),
    "D0": _few(LIMITS.D0_max),
    "sticky_coherence_min": _few(CONSTANTS.record.coh_star_max),
    "sticky_D_hat_max": {
        "below": _few(1)["below"],
        "equal": ("POL-2", "regimes that overlap", 2.6),
        "beyond": ("POL-2", "regimes that overlap by a billionth", 2.600000001),
    },
    "non_sticky_D_hat_min": {
        "above": _few(CONSTANTS.record.D_hat_max)["above"],
    },
    "tol_coh": _texts(
        "POL-2", "stated, and the same for all", {"more": 0.050000001, "less": 0.049999999, "zero": 0, "text": "0.05"}
    ),
    "version": _texts(
        "POL-1",
        "three whole numbers",
        {
            "empty": "",
            "two": "1.0",
            "four": "1.0.0.0",
            "leading-zero": "1.01.0",
            "signed": "1.-1.0",
            "prefixed": "v1.0.0",
            "suffixed": "1.0.0-rc",
            "newline": "1.0.0\n",
            "seven-digits": "1234567.0.0",
            "other-digits": "\u0661.0.0",
            "number": 1,
        },
    ),
    "name": _texts("POL-1", "a text of at most 1000 characters", {"number": 7, "null": None, "long": "x" * 1001})
    | {"half-a-pair": ("POL-1", "UTF-8 carries it", "\ud800")},
    "description": _texts("POL-1", "a text of at most 1000 characters", {"list": [], "long": "x" * 1001}),
    "created_at": _texts(
        "POL-1",
        "a moment in UTC to the second",
        {"word": "now", "offset": "2026-01-01T00:00:00+00:00", "fraction": "2026-01-01T00:00:00.5Z", "number": 0}
        | {"newline": "2026-01-01T00:00:00Z\n", "day": "2026-01-01"},
    ),
    "flags": {
        "disable-wal": ("POL-2", "no flag may be set", {"disable_wal": True}),
        "skip-signature": ("POL-2", "no flag may be set", {"skip_signature": True}),
        "number": ("POL-1", "a flag is false", {"disable_wal": 0}),
        "null": ("POL-1", "a flag is false", {"disable_wal": None}),
        "list": ("POL-1", "flags are an object", []),
        "absent": ("POL-1", "flags are an object", None),
    },
    "vrf_mode": _texts(
        "POL-1", "one of three words", {"empty": "", "case": "Off", "on": "on", "null": None, "true": True, "list": []}
    ),
    "scrutiny": {
        "empty": ("POL-12", "an empty object turns nothing on", {}),
        "null": ("POL-12", "what is off is left out", None),
        "true": ("POL-12", "an object of checks", True),
        "list": ("POL-12", "an object of checks", ["counts"]),
        "counts-off": ("POL-12", "what is off is left out", {"counts": False}),
        "counts-one": ("POL-12", "true, and no number", {"counts": 1}),
        "slope-null": ("POL-12", "what is off is left out", {"slope": None}),
        "slope-reversed": ("POL-12", "the least, then the greatest", {"slope": [1.500000001, 1.5]}),
        "slope-above": ("POL-12", "at most 3.5", {"slope": [0, 3.500000001]}),
        "slope-below": ("POL-12", "at least 0", {"slope": [-1e-9, 3.5]}),
        "slope-one": ("POL-12", "two bounds", {"slope": [1]}),
        "slope-three": ("POL-12", "two bounds", {"slope": [1, 2, 3]}),
        "slope-text": ("POL-12", "numbers", {"slope": ["0", 1]}),
        "slope-ten-decimals": ("POL-1", "at most nine decimals", {"slope": [0.1234567891, 1]}),
        "score-zero": ("POL-12", "above 0", {"escalate_from": 0}),
        "score-above": ("POL-12", "at most 1", {"reject_from": 1.000000001}),
        "score-true": ("POL-12", "a number", {"reject_from": True}),
        "score-ten-decimals": ("POL-1", "at most nine decimals", {"escalate_from": 0.1234567891}),
        "scores-reversed": (
            "POL-12", "the first not above the second", {"escalate_from": 0.500000001, "reject_from": 0.5},
        ),
        "regime": ("POL-12", "no such check", {"regime": True}),
    },
    "signed_by": _texts(
        "POL-1", "the id of a key", {"space": "a b", "dash": "-x", "long": "x" * 65, "number": 7, "no-ascii": "é"}
    ),
    "signature": _texts(
        "POL-1",
        "standard base64 of 64 bytes, in one spelling",
        {
            "short": "AAAA",
            "unpadded": "A" * 86,
            "leftover-bits": "A" * 85 + "B==",
            "url-alphabet": "-" + "A" * 85 + "==",
            "hexadecimal": "0" * 128,
            "newline": "A" * 86 + "==\n",
        },
    ),
}  # fmt: skip
TOGETHER: dict[str, dict[str, object]] = {
    "ranges": {"tol_D": 2, "base": -1, "D0": 3.1},
    "weights-and-regimes": {"gamma": 0.5, "sticky_D_hat_max": 3},
    "form-and-range": {"version": "1", "tol_budget": "0", "tol_coh": 0.06, "active": True},
    "objects": {"flags": {"disable_wal": True, "other": False}, "scrutiny": {"counts": False, "slope": [2, 1]}},
    "everything": {
        "version": "", "tol_D": None, "tol_coh": 0, "tol_budget": -1, "base": True, "D0": 4, "sticky_coherence_min": 1.06,
        "name": 1, "description": [], "created_at": "-", "vrf_mode": "-", "scrutiny": {}, "signed_by": "-", "signature": "-",
    },
    "weights-that-go-together": {"alpha": 0.5, "base": 1.1},
}  # fmt: skip
"""Several mistakes at once."""
NO_DOCUMENTS: dict[str, bytes] = {
    "empty": b"",
    "space": b" \n",
    "list": b"[]",
    "null": b"null",
    "number": b"1",
    "text": b'"policy"',
    "two": b"{} {}",
    "open": b'{"version": "1.0.0"',
    "trailing-comma": b'{"version": "1.0.0",}',
    "comment": b'{"version": "1.0.0" /* the first */}',
    "single-quotes": b"{'version': '1.0.0'}",
    "bare-key": b'{version: "1.0.0"}',
    "byte-order-mark": b"\xef\xbb\xbf{}",
    "latin-1": b'{"name": "Gr\xf6\xdfe"}',
    "surrogates-in-utf-8": b'{"name": "\xed\xa0\x80"}',
    "utf-16": '{"version": "1.0.0"}'.encode("utf-16"),
    "raw-newline": b'{"name": "a\nb"}',
    "leading-zero": b'{"tol_D": 00.1}',
    "plus": b'{"tol_D": +0.1}',
    "no-digit-before-the-point": b'{"tol_D": .1}',
    "no-digit-behind-the-point": b'{"tol_D": 1.}',
    "hexadecimal": b'{"tol_D": 0x1}',
}
"""Bytes that are no JSON object, whatever its fields might be."""
