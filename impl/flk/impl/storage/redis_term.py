"""What a Redis that took over may lack, and who may ask it when (WAL-5, ORD-4).

A master has its entries under an id that it got when it was promoted, or started: Redis calls it the replication id, and here it
is the master's *term*. A bucket is open for one term. A replica that takes over has another, and whatever it lacks: so each step
of a bucket compares both, and asks nobody else. Until every node has replayed its log, the bucket is closed to all but what comes
from the logs; with the last of them it is open for the new term.

    flk:{N}:term    open → the term that the bucket is open for      number → how many it had
                    log number → the term and number for which all of that log is in the bucket, or `gone`
    flk:{N}:marks   watermarks: a bucket that lost entries lost the mark behind them too, so the least of all counts

Two masters may be there at once, the one that was taken over from, and the one that took over. The second is opened only when
every node was there; from then on each names the number of its term, and the first, which has a lesser one, refuses.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from flk.impl.storage.redis_scripts import SAME

CLOSED = "FLKTERM"
GONE = "gone"

_NOW = """
local told = redis.call('info', 'replication')
local now = string.find(told, 'role:master', 1, true) and string.match(told, 'master_replid:(%x+)')
"""
# After the keys of a step stands that of the term, after its arguments the least number. Both are taken off again.
_GUARD = (
    _NOW
    + f"""
local least, there = tonumber(table.remove(ARGV)), redis.call('hmget', table.remove(KEYS), 'open', 'number')
if not now or there[1] ~= now or tonumber(there[2]) < least then return redis.error_reply('{CLOSED} closed') end
"""
)
_READ = "return redis.call(ARGV[1], KEYS[1], unpack(ARGV, 2))"
# KEYS: store, term. ARGV: store, own log number or nothing to look only, the least number, then all log numbers.
_LEVEL = (
    SAME
    + _NOW
    + f"""
if not now then return redis.error_reply('{CLOSED} no master') end
local there = redis.call('hmget', KEYS[2], 'open', 'number')
local number = tonumber(there[2] or 0)
local open = there[1] == now and number >= tonumber(ARGV[3])
local target = open and number or math.max(number + 1, tonumber(ARGV[3]))
local level = now .. ':' .. target
if ARGV[2] ~= '' then
  redis.call('hset', KEYS[2], ARGV[2], level)
  if not open then redis.call('hset', KEYS[2], 'open', '') end
end
local missing, known = {{}}, {{}}
local fields = redis.call('hgetall', KEYS[2])
for i = 1, #fields, 2 do
  if tonumber(fields[i]) then
    known[fields[i]] = true
    if fields[i + 1] ~= level and fields[i + 1] ~= '{GONE}' then missing[#missing + 1] = tonumber(fields[i]) end
  end
end
for i = 4, #ARGV do
  if not known[ARGV[i]] then missing[#missing + 1] = tonumber(ARGV[i]) end
end
if #missing == 0 and ARGV[2] ~= '' and not open then redis.call('hset', KEYS[2], 'open', now, 'number', target) end
return {{target, missing}}"""
)


class Standing(NamedTuple):
    """Of a bucket in a master's term: the number that the term has there, and the logs that are not replayed yet."""

    number: int
    missing: frozenset[int]


def term_key(bucket: int) -> str:
    """Where the term of a bucket is."""
    return f"flk:{{{bucket}}}:term"


def level(bucket: int, store: str, log: int | None, least: int, logs: Iterable[int]) -> tuple[object, ...]:
    """The command by which the log of that number is known to be replayed, or which only asks; answered by `standing`."""
    own = "" if log is None else log
    return ("EVAL", _LEVEL, 2, f"flk:{{{bucket}}}:store", term_key(bucket), store, own, least, *logs)


def standing(answer: Sequence[object]) -> Standing:
    """What the answer to `level` says."""
    number, missing = answer
    assert isinstance(number, int)
    assert isinstance(missing, list)
    return Standing(number, frozenset(map(int, missing)))


def guarded(command: Sequence[object], bucket: int, least: int) -> tuple[object, ...]:
    """The command at keys of a bucket, refused as CLOSED unless that is open for the term of who performs it."""
    if command[0] == "EVAL":
        _, script, count, *rest = command
        assert isinstance(count, int)
        keys, arguments = rest[:count], rest[count:]
        return ("EVAL", f"{_GUARD}{script}", count + 1, *keys, term_key(bucket), *arguments, least)
    name, key, *arguments = command
    return ("EVAL", _GUARD + _READ, 2, key, term_key(bucket), name, *arguments, least)
