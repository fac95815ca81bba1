"""The scripts of `flk.impl.storage.redis_store`: each is one atomic step at the keys of one bucket."""

EMPTIED = "FLKOTHER"

LOST = "FLKLOST"

SAME = f"if redis.call('get', KEYS[1]) ~= ARGV[1] then return redis.error_reply('{EMPTIED} another store') end "
# The last key is the bucket's lost logs. ARGV[2] is the writer's log.
WRITER = (
    SAME + f"if redis.call('sismember', KEYS[#KEYS], ARGV[2]) == 1 then return redis.error_reply('{LOST} log') end "
)
# KEYS: store, entries, clock, count, keys, lost. ARGV: store, log, clock, then field, entry of each.
INSERT = (
    WRITER
    + """
local found, fresh = {}, 0
for i = 4, #ARGV, 2 do
  if redis.call('hsetnx', KEYS[2], ARGV[i], ARGV[i + 1]) == 1 then
    fresh = fresh + 1
    redis.call('zadd', KEYS[5], 0, ARGV[i])
    found[#found + 1] = false
  else
    found[#found + 1] = redis.call('hget', KEYS[2], ARGV[i])
  end
end
if fresh > 0 then
  redis.call('hset', KEYS[3], ARGV[2], ARGV[3])
  redis.call('incrby', KEYS[4], fresh)
end
return found"""
)
# KEYS: store, entries, clock, superseded, lost. ARGV: store, log, clock, then field, stored, entry, record of each.
REPLACE = (
    WRITER
    + """
local found = {}
for i = 4, #ARGV, 4 do
  local stored = redis.call('hget', KEYS[2], ARGV[i])
  if stored == ARGV[i + 1] then
    redis.call('hset', KEYS[2], ARGV[i], ARGV[i + 2])
    redis.call('rpush', KEYS[4], ARGV[i + 3])
    redis.call('hset', KEYS[3], ARGV[2], ARGV[3])
    stored = false
  end
  found[#found + 1] = stored
end
return found"""
)
# KEYS: store, entries, clock, count, keys, lost. ARGV: store, log, clock, then field, what was seen or nothing, entry of each.
EXCHANGE = (
    WRITER
    + """
local done = {}
for i = 4, #ARGV, 3 do
  local stored = redis.call('hget', KEYS[2], ARGV[i]) or ''
  if stored == ARGV[i + 1] then
    redis.call('hset', KEYS[2], ARGV[i], ARGV[i + 2])
    redis.call('hset', KEYS[3], ARGV[2], ARGV[3])
    if stored == '' then
      redis.call('incr', KEYS[4])
      redis.call('zadd', KEYS[5], 0, ARGV[i])
    end
    done[#done + 1] = 1
  else
    done[#done + 1] = 0
  end
end
return done"""
)
# KEYS: store, entries, count, keys. ARGV: store, field.
FORGET = (
    SAME
    + """
if redis.call('hdel', KEYS[2], ARGV[2]) == 1 then
  redis.call('decr', KEYS[3])
  redis.call('zrem', KEYS[4], ARGV[2])
end
return 1"""
)
# KEYS: store. ARGV: store, fence. The name of the store is followed by its fence, if it has one.
RAISE = f"""
local found = redis.call('get', KEYS[1]) or ''
if found ~= ARGV[1] and string.sub(found, 1, #ARGV[1] + 1) ~= ARGV[1] .. '#' then
  return redis.error_reply('{EMPTIED} another store')
end
local fence = tonumber(string.sub(found, #ARGV[1] + 2)) or 0
if fence < tonumber(ARGV[2]) then redis.call('set', KEYS[1], ARGV[1] .. '#' .. ARGV[2]) end
return 1"""
# KEYS: logs. ARGV: number and token of the writer, empty if that is no node.
MEMBER = f"""if ARGV[2] ~= '' and redis.call('hget', KEYS[1], ARGV[1]) ~= ARGV[2] then
  return redis.error_reply('{LOST} log')
end
"""
# KEYS: logs, marks. ARGV: number, token, name, value.
MARK = MEMBER + "return redis.call('hset', KEYS[2], ARGV[3], ARGV[4])"
# KEYS: logs, marks. ARGV: number, token, name, value, what is seen there, whether only while no node has a number.
NOTE = (
    MEMBER
    + """
if ARGV[6] == '1' and redis.call('exists', KEYS[1]) == 1 then return 0 end
local found = redis.call('hget', KEYS[2], ARGV[3]) or ''
if found ~= ARGV[5] then return 0 end
redis.call('hset', KEYS[2], ARGV[3], ARGV[4])
return 1"""
)
