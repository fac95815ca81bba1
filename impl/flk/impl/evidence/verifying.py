"""Whether an evidence pack is what was signed, and its report follows from what is in it: offline (EVD-3, EVD-4)."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import msgspec

from flk.impl.evidence.gathering import collected
from flk.impl.evidence.page import page
from flk.impl.storage.trouble import usable
from flk.model.compliance.archive import BadPack
from flk.model.compliance.pack import CHECKPOINT, PAGE, PROOFS, REPORT, SINCE, require_proofs, unpacked
from flk.model.compliance.report import Report, written
from flk.model.transparency.notes import Verifier
from flk.spec import __version__
from flk.spec.constants import CONSTANTS
from flk.spec.controls import table
from flk.spec.errors import UnusableInput

_OF_LOG = {CHECKPOINT, SINCE, PROOFS}


class Verified(NamedTuple):
    """What a pack shows: its report, how many files are as they were signed, and how many leaves are proven to be in the log. The
    report was made again from its sources unless another table of controls, or another version of the lab, has made it.
    """

    report: Report
    files: int
    leaves: int
    remade: bool


def verify(path: Path, key: Verifier, log_key: Verifier | None) -> Verified:
    """Check a pack. Raises BadPack; UnusableInput for a file that cannot be read, or a log whose key was not given."""
    most = CONSTANTS.evidence.max_pack_bytes
    with usable(path), path.open("rb") as opened:
        content = opened.read(most + 1)
    files = unpacked(content, key)
    report = _report(files)
    leaves = _proven(files, report, log_key)
    return Verified(report, len(files), leaves, _is_remade(files, report))


def _report(files: Mapping[str, bytes]) -> Report:
    try:
        return msgspec.json.decode(files[REPORT], type=Report)
    except (KeyError, msgspec.DecodeError) as error:
        raise BadPack(f"EVD-4: the pack has no report: {error}") from None


def _proven(files: Mapping[str, bytes], report: Report, log_key: Verifier | None) -> int:
    there = _OF_LOG & files.keys()
    if report.log is None or report.log.trouble:
        if there:
            raise BadPack("EVD-4: the pack has parts of a log of which its report says nothing")
        return 0
    if log_key is None:
        raise UnusableInput(
            f"--log-key: the pack speaks of the log {report.log.origin}; give the key that it signs with"
        )
    return require_proofs(files, report, log_key)


def _is_remade(files: Mapping[str, bytes], report: Report) -> bool:
    """Whether the report could be made again; then it is the same. Raises BadPack if it is not."""
    controls = table(report.framework)
    sources = collected(files, report.sources)
    names = {REPORT, PAGE, *_OF_LOG, *(one.name for one in sources.given)}
    if odd := sorted(files.keys() - names):
        raise BadPack(f"EVD-4: the report does not speak of {', '.join(odd)}")
    if (controls.digest, __version__) != (report.table, report.version):
        return False
    again = sources.report(controls, report.period, report.log, report.made)
    if written(again) != files[REPORT]:
        raise BadPack("EVD-4: the report does not follow from the sources in the pack")
    if page(again).encode() != files.get(PAGE):
        raise BadPack("EVD-4: the page does not show the report")
    return True
