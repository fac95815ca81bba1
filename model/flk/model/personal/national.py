"""Numbers that states give to people, and bank accounts: each as its issuer writes it, with its check digits.

What a check digit alone would take for one in every tenth number of that length counts only if a word before says what it is.
"""

from collections.abc import Callable, Iterator
from importlib import import_module
from typing import NamedTuple

from flk.model.personal.find import Kind, Span
from flk.model.personal.folding import Folded
from flk.model.personal.patterns import Pattern, pattern, said_before, stands_alone
from flk.spec.errors import needs

with needs("pii", "looking for personal data"):
    from stdnum import iban


class Scheme(NamedTuple):
    """How one kind of number is written, who checks it, and the words of which one must stand before it (None: none need)."""

    written: Pattern
    is_valid: Callable[[str], bool]
    words: Pattern | None = None


def _scheme(module: str, written: str, words: str = "") -> Scheme:
    is_valid: Callable[[str], bool] = import_module(f"stdnum.{module}").is_valid
    return Scheme(pattern(rf"(?i)\b{written}\b"), is_valid, pattern(rf"\b(?:{words})\b") if words else None)


_NO_NINO = {"bg", "gb", "kn", "nk", "nt", "tn", "zz"}


def _is_nino(number: str) -> bool:
    """The form is all that a National Insurance number has: some pairs of letters were never given out."""
    return number[:2].lower() not in _NO_NINO


SCHEMES = {
    "at_svnr": _scheme("at.vnr", r"[0-9]{4} ?[0-9]{6}", "svnr|sozialversicherungsnummer"),
    "au_tfn": _scheme("au.tfn", r"[0-9]{3} ?[0-9]{3} ?[0-9]{3}", "tfn|tax file number"),
    "be_nn": _scheme("be.nn", r"[0-9]{2}\.[0-9]{2}\.[0-9]{2}-[0-9]{3}\.[0-9]{2}"),
    "br_cpf": _scheme("br.cpf", r"[0-9]{3}\.?[0-9]{3}\.?[0-9]{3}-?[0-9]{2}"),
    "ca_sin": _scheme("ca.sin", r"[0-9]{3}[ -]?[0-9]{3}[ -]?[0-9]{3}", "sin|social insurance|nas"),
    "ch_ahv": _scheme("ch.ssn", r"756\.[0-9]{4}\.[0-9]{4}\.[0-9]{2}"),
    "cn_ric": _scheme("cn.ric", r"[0-9]{17}[0-9x]"),
    "de_idnr": _scheme(
        "de.idnr", r"[0-9]{2} ?[0-9]{3} ?[0-9]{3} ?[0-9]{3}", "idnr|steuer-id|steuerid|steueridentifikationsnummer"
    ),
    "dk_cpr": _scheme("dk.cpr", r"[0-9]{6}-?[0-9]{4}", "cpr|personnummer"),
    "es_dni": _scheme("es.dni", r"[0-9]{8}-?[a-z]"),
    "es_nie": _scheme("es.nie", r"[xyz]-?[0-9]{7}-?[a-z]"),
    "fi_hetu": _scheme("fi.hetu", r"[0-9]{6}[-+a-fu-y][0-9]{3}[0-9a-y]"),
    "fr_nir": _scheme("fr.nir", r"[1-8] ?[0-9]{2} ?[0-9]{2} ?[0-9][0-9ab] ?[0-9]{3} ?[0-9]{3} ?[0-9]{2}"),
    "gb_nhs": _scheme("gb.nhs", r"[0-9]{3}[ -]?[0-9]{3}[ -]?[0-9]{4}", "nhs"),
    "gb_nino": Scheme(
        pattern(r"(?i)\b[a-ceghj-prstw-z][a-ceghj-nprstw-z] ?[0-9]{2} ?[0-9]{2} ?[0-9]{2} ?[a-d]\b"), _is_nino
    ),
    "in_aadhaar": _scheme("in_.aadhaar", r"[2-9][0-9]{3}[ -]?[0-9]{4}[ -]?[0-9]{4}", "aadhaar|uidai"),
    "in_pan": _scheme("in_.pan", r"[a-z]{5}[0-9]{4}[a-z]"),
    "it_cf": _scheme("it.codicefiscale", r"[a-z]{6}[0-9lmnp-v]{2}[a-z][0-9lmnp-v]{2}[a-z][0-9lmnp-v]{3}[a-z]"),
    "kr_rrn": _scheme("kr.rrn", r"[0-9]{6}-[0-9]{7}"),
    "mx_curp": _scheme("mx.curp", r"[a-z]{4}[0-9]{6}[hmx][a-z]{5}[0-9a-z][0-9]"),
    "nl_bsn": _scheme("nl.bsn", r"[0-9]{9}", "bsn|burgerservicenummer|sofinummer"),
    "no_fnr": _scheme("no.fodselsnummer", r"[0-9]{6} ?[0-9]{5}"),
    "pl_pesel": _scheme("pl.pesel", r"[0-9]{11}", "pesel"),
    "se_pnr": _scheme("se.personnummer", r"(?:[0-9]{2})?[0-9]{6}[-+][0-9]{4}"),
    "us_itin": _scheme("us.itin", r"9[0-9]{2}-[0-9]{2}-[0-9]{4}"),
    "us_ssn": _scheme("us.ssn", r"[0-9]{3}-[0-9]{2}-[0-9]{4}"),
    "us_ssn_bare": _scheme("us.ssn", r"[0-9]{3} ?[0-9]{2} ?[0-9]{4}", "ssn|social security"),
}
"""Each scheme by country and name."""


def national_ids(scheme: Scheme, folded: Folded) -> Iterator[Span]:
    """The numbers of a scheme."""
    shape = folded.shape
    for match in scheme.written.each(shape):
        start, end = match.span()
        if not stands_alone(shape, start, end) or _is_piece(shape, start, end):
            continue
        if scheme.words and not said_before(shape, start, scheme.words):
            continue
        if scheme.is_valid(folded.text[start:end]):
            yield Span(start, end, Kind.NATIONAL_ID)


def _is_piece(shape: bytes, start: int, end: int) -> bool:
    """Whether digits go on behind a sign at either side, as in an ISBN, or a `+` stands before, as in a telephone number."""
    before, after = shape[max(0, start - 2) : start], shape[end : end + 2]
    joined = (before[-1:] in _SIGNS and before[:1].isdigit()) or (after[:1] in _SIGNS and after[1:].isdigit())
    return before.endswith(b"+") or joined


_SIGNS = {b"-", b".", b"/"}

ACCOUNT = pattern(r"(?i)\b[a-z]{2}[0-9]{2}(?: ?[a-z0-9]{1,4}){3,8}")
_LEAST = 15  # characters of the shortest IBAN there is


def accounts(folded: Folded) -> Iterator[Span]:
    """IBANs (ISO 13616): of a country's form, with the remainder 1 of 97. What follows in capitals is not taken for its end."""
    shape, text = folded.shape, folded.text
    for match in ACCOUNT.each(shape):
        start, most = match.span()
        for end in range(most, start + _LEAST - 1, -1):
            if stands_alone(shape, start, end) and iban.is_valid(text[start:end]):
                yield Span(start, end, Kind.IBAN)
                break
