-- Every command with which a commit reads and writes, once, on keys that mean nothing and are gone at the end. A server
-- that refuses one of them in the middle of a commit would leave half of it.
--
-- KEYS: a text, a hash and a list.
if redis.replicate_commands then redis.replicate_commands() end -- Redis 6 asks for it: TIME comes before the writes
local clock = redis.call('TIME')
local soon = (clock[1] + 60) .. '000'
local text, hash, list = KEYS[1], KEYS[2], KEYS[3]

for _, key in ipairs(KEYS) do redis.call('DEL', key) end
redis.call('SET', text, '1', 'NX')
redis.call('SET', text, '1')
redis.call('PEXPIREAT', text, soon)
redis.call('PERSIST', text)
redis.call('PTTL', text)
redis.call('GET', text)
redis.call('EXISTS', text)
redis.call('HSET', hash, 'n', '1', 'v', '1')
redis.call('HGET', hash, 'v')
redis.call('HMGET', hash, 'n', 'v')
redis.call('HINCRBY', hash, 'n', '1')
redis.call('ZADD', list, '1', 'one')
redis.call('ZRANGEBYSCORE', list, '-inf', '1', 'LIMIT', 0, 1)
redis.call('ZREM', list, 'one')
redis.call('ZREMRANGEBYSCORE', list, '(0', '1')
for _, key in ipairs(KEYS) do redis.call('DEL', key) end
return 1
