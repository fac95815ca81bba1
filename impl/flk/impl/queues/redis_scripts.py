"""The scripts of `flk.impl.queues.redis`: each is one atomic step.

KEYS, of all of them: tasks, held, marks, letters, dead, dropped, positions, clock. `now` is the server's time in milliseconds.
"""

GROUP = "workers"
MISSING = "NOGROUP"

_NOW = "local time = redis.call('time'); local now = time[1] * 1000 + math.floor(time[2] / 1000)\n"
# ARGV: log, position before, position of a log that is not there, position after, milliseconds that marks are kept, then ids.
ENQUEUE = (
    _NOW
    + """
if (redis.call('hget', KEYS[7], ARGV[1]) or ARGV[3]) ~= ARGV[2] then return 0 end
redis.call('hset', KEYS[7], ARGV[1], ARGV[4])
redis.call('zremrangebyscore', KEYS[3], '-inf', '(' .. (now - ARGV[5]))
for i = 6, #ARGV do
  local id = ARGV[i]
  if redis.call('hexists', KEYS[2], id) == 0 and not redis.call('zscore', KEYS[3], id)
      and redis.call('hexists', KEYS[4], id) == 0 and redis.call('hexists', KEYS[6], id) == 0 then
    redis.call('hset', KEYS[2], id, redis.call('xadd', KEYS[1], '*', 'id', id))
  end
end
return 1"""
)
# ARGV: milliseconds of a lease. Redis measures by wall time: once that was set back, every lease is over.
TAKE = (
    _NOW
    + f"""
local before = tonumber(redis.call('get', KEYS[8]) or '0')
if now < before then
  for _, pending in ipairs(redis.call('xpending', KEYS[1], '{GROUP}', '-', '+', 1000)) do
    redis.call('xclaim', KEYS[1], '{GROUP}', '{GROUP}', 0, pending[1], 'idle', ARGV[1], 'justid')
  end
end
if now < before or now > before + 1000 then redis.call('set', KEYS[8], now) end
local found, from = nil, '0-0'
repeat
  local claimed = redis.call('xautoclaim', KEYS[1], '{GROUP}', '{GROUP}', ARGV[1], from, 'count', 1)
  from, found = claimed[1], claimed[2][1]
until found or from == '0-0'
if not found then
  local read = redis.call('xreadgroup', 'group', '{GROUP}', '{GROUP}', 'count', 1, 'streams', KEYS[1], '>')
  if not read then return false end
  found = read[1][2][1]
end
local id = found[2][2]
return {{id, redis.call('zscore', KEYS[3], id) and 1 or 0}}"""
)
# ARGV: id.
RENEW = f"""local entry = redis.call('hget', KEYS[2], ARGV[1])
if entry and #redis.call('xpending', KEYS[1], '{GROUP}', entry, entry, 1) == 1 then
  redis.call('xclaim', KEYS[1], '{GROUP}', '{GROUP}', 0, entry, 'justid')
end
return 1"""
# ARGV: id.
MARK = (
    _NOW
    + """
redis.call('zadd', KEYS[3], 'nx', now, ARGV[1])
redis.call('hdel', KEYS[4], ARGV[1])
redis.call('zrem', KEYS[5], ARGV[1])
return 1"""
)
# ARGV: id, letter.
BURY = (
    _NOW
    + """
if redis.call('hexists', KEYS[2], ARGV[1]) == 0 or redis.call('zscore', KEYS[3], ARGV[1]) then return 0 end
redis.call('hset', KEYS[4], ARGV[1], ARGV[2])
redis.call('zadd', KEYS[5], now, ARGV[1])
return 1"""
)
_LET_GO = f"""
redis.call('xack', KEYS[1], '{GROUP}', entry)
redis.call('xdel', KEYS[1], entry)
redis.call('hdel', KEYS[2], ARGV[1])
"""
# ARGV: id.
ACKNOWLEDGE = f"""local entry = redis.call('hget', KEYS[2], ARGV[1])
if not entry then return 0 end
if not redis.call('zscore', KEYS[3], ARGV[1]) and not redis.call('zscore', KEYS[5], ARGV[1]) then return 0 end
{_LET_GO}
return 1"""
# ARGV: id.
RETRY = """
if redis.call('hdel', KEYS[4], ARGV[1]) == 0 then return 0 end
redis.call('zrem', KEYS[5], ARGV[1])
if redis.call('hexists', KEYS[2], ARGV[1]) == 0 then
  redis.call('hset', KEYS[2], ARGV[1], redis.call('xadd', KEYS[1], '*', 'id', ARGV[1]))
end
return 1"""
# ARGV: id, reason.
DROP = f"""local letter = redis.call('hget', KEYS[4], ARGV[1])
if not letter then return 0 end
redis.call('hsetnx', KEYS[6], ARGV[1], cjson.encode({{letter, redis.call('zscore', KEYS[5], ARGV[1]), ARGV[2]}}))
redis.call('hdel', KEYS[4], ARGV[1])
redis.call('zrem', KEYS[5], ARGV[1])
local entry = redis.call('hget', KEYS[2], ARGV[1])
if entry then
{_LET_GO}
end
return 1"""
# No ARGV: how many tasks, how many of them leased, milliseconds of the oldest, dead letters.
BACKLOG = (
    _NOW
    + f"""
local first = redis.call('xrange', KEYS[1], '-', '+', 'count', 1)[1]
local age = first and now - tonumber(string.match(first[1], '^%d+')) or 0
return {{redis.call('xlen', KEYS[1]), redis.call('xpending', KEYS[1], '{GROUP}')[1], age, redis.call('hlen', KEYS[4])}}"""
)
