-- All changes of one commit, or none: everything is checked before anything is written. Returns 1, 0 for a conflict, or
-- 2 when this server may have forgotten what would be one.
--
-- ARGV: prefix; margin (ms); '1' to check all and write marks only; then each change's word and its arguments.
-- KEYS: the keys of the changes, in the order of ARGV.
if redis.replicate_commands then redis.replicate_commands() end -- Redis 6 asks for it: TIME comes before the writes
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local prefix, margin, marks_only = ARGV[1], tonumber(ARGV[2]), ARGV[3] == '1'
local arguments, keys = 3, 0
local LARGEST = 2 ^ 53

local function argument()
  arguments = arguments + 1
  return ARGV[arguments]
end

local function name()
  keys = keys + 1
  return KEYS[keys]
end

local function each(text)
  return string.gmatch(text or '', '%S+')
end

-- When a key may be forgotten: *margin* after its end, and never sooner than *margin* from now.
local function due(milliseconds)
  if milliseconds == '' then return nil end
  return math.max(tonumber(milliseconds), now) + margin
end

local function forget(key, at)
  if at then redis.call('PEXPIREAT', key, string.format('%.0f', at)) end
end

-- The instant at which *key* is forgotten: nil for never, 0 when it does not exist.
local function forgotten(key)
  local left = redis.call('PTTL', key)
  if left == -1 then return nil end
  return left == -2 and 0 or now + left
end

-- Lists outlive all that they list.
local function list(index, score, member, at)
  local before = forgotten(index)
  redis.call('ZADD', index, score, member)
  if not at then
    redis.call('PERSIST', index)
  elseif before and before < at then
    forget(index, at)
  end
end

-- What is over leaves *index*, which is in no order of time, a hundred at most.
local function sweep(index, by_end)
  for _, old in ipairs(redis.call('ZRANGEBYSCORE', by_end, '-inf', now, 'LIMIT', 0, 100)) do
    redis.call('ZREM', index, old)
    redis.call('ZREM', by_end, old)
  end
end

local seen = {}
local function first(key)
  if seen[key] then return false end
  seen[key] = true
  return true
end

local function let_go(record)
  local known = redis.call('HMGET', record.key, 'u', 'x', 'i', 'e')
  for held in each(known[1]) do
    if redis.call('GET', prefix .. held) == record.owner then redis.call('DEL', prefix .. held) end
  end
  if known[2] then redis.call('ZREM', prefix .. known[2], known[3]) end
  if known[4] then redis.call('ZREM', prefix .. known[4], known[3]) end
  redis.call('DEL', record.key)
end

-- Whether replicas are known and none was heard of for ten seconds: another may be the primary by now.
local function alone(replication)
  local known = false
  for lag in string.gmatch(replication, 'lag=(%d+)') do
    if tonumber(lag) <= 10 then return false end
    known = true
  end
  return known
end

-- Whether keys may be thrown away for want of room. The count of those that were is no proof: CONFIG RESETSTAT clears it.
local function evicts()
  local memory = redis.call('INFO', 'memory')
  return string.match(memory, 'maxmemory:(%d+)') ~= '0'
    and string.match(memory, 'maxmemory_policy:([%w-]+)') ~= 'noeviction'
end

-- The instant since which this server is known to have lost nothing: never while it may evict. One that was started or
-- restored has another run id than the one noted, one that was promoted another replication id, one that has evicted
-- another count: its memory begins now. Ten seconds are for clocks that differ, and for a primary that was cut off until
-- it falls silent.
local SETTLES = 10000
local function remembers()
  if evicts() then
    redis.call('DEL', prefix .. 'memory')
    return math.huge
  end
  local replication = redis.call('INFO', 'replication')
  if alone(replication) then return math.huge end
  local life = string.match(redis.call('INFO', 'server'), 'run_id:(%w+)') .. ' '
    .. string.match(replication, 'master_replid:(%w+)') .. ' '
    .. string.match(redis.call('INFO', 'stats'), 'evicted_keys:(%d+)')
  local since, of = string.match(redis.call('GET', prefix .. 'memory') or '', '^(%d+) (.*)$')
  if of == life then return tonumber(since) end
  since = now + SETTLES
  redis.call('SET', prefix .. 'memory', string.format('%.0f', since) .. ' ' .. life)
  return since
end

local read, free, write = {}, {}, {}

-- Spend; of what others made, with the earliest instant at which it can have been spent, and then a mark.
function read.spend()
  local it = {key = name(), value = argument(), ends = argument(), earliest = argument()}
  it.mark = it.earliest ~= ''
  return it
end
function free.spend(it)
  if not first(it.key) or redis.call('EXISTS', it.key) == 1 then return false end
  return not it.mark or tonumber(it.earliest) > remembers() or 2
end
function write.spend(it)
  redis.call('SET', it.key, it.value)
  forget(it.key, due(it.ends))
end

function read.put()
  return {key = name(), record = argument(), marks = argument(), born = argument(), grant = argument(), ends = argument()}
end
function free.put(it) return first(it.key) and redis.call('EXISTS', it.key) == 0 end
function write.put(it)
  redis.call('HSET', it.key, 'r', it.record)
  if it.marks ~= '' then redis.call('HSET', it.key, 'm', it.marks, 'b', it.born) end
  if it.grant ~= '' then redis.call('HSET', it.key, 'g', it.grant) end
  forget(it.key, due(it.ends))
end

-- A line of the audit trail; as it is written, lines that are over leave the list.
function read.line()
  return {key = name(), index = name(), by_end = name(), record = argument(), member = argument(), ends = argument()}
end
free.line = free.put
function write.line(it)
  local at = due(it.ends)
  sweep(it.index, it.by_end)
  redis.call('HSET', it.key, 'r', it.record)
  forget(it.key, at)
  list(it.index, 0, it.member, at)
  list(it.by_end, string.format('%.0f', at), it.member, at)
end

-- Revoke: the first time is kept, and the mark as long as anybody asked for.
function read.revoke() return {mark = true, key = name(), at = argument(), ends = argument()} end
function free.revoke() return true end
function write.revoke(it)
  local before = forgotten(it.key)
  redis.call('SET', it.key, it.at, 'NX')
  forget(it.key, math.max(before or 0, due(it.ends)))
end

-- CutOff: the latest time is kept. Stamps are of one length, so that they compare as texts.
read.cut, free.cut = read.revoke, free.revoke
function write.cut(it)
  local before, known = forgotten(it.key), redis.call('GET', it.key)
  if not known or known < it.at then redis.call('SET', it.key, it.at) end
  forget(it.key, math.max(before or 0, due(it.ends)))
end

function read.remove() return {key = name(), version = argument(), owner = argument()} end

-- What the changes before this one make of the versions of records, of what these hold, and of who holds that. Nothing
-- is written until all are checked.
local versions, held, holders = {}, {}, {}

local function version(it) return versions[it.key] or redis.call('HGET', it.key, 'v') or '0' end

local function holder(wanted) return holders[wanted] or redis.call('GET', prefix .. wanted) or '' end

local function becomes(it, next, unique)
  if it.version ~= '0' then
    for wanted in each(held[it.key] or redis.call('HGET', it.key, 'u')) do
      if holder(wanted) == it.owner then holders[wanted] = '' end
    end
  end
  versions[it.key], held[it.key] = next, unique
end

function free.remove(it)
  if it.version == '0' or version(it) ~= it.version then return false end
  becomes(it, '0', '')
  return true
end
write.remove = let_go

function read.replace()
  local it = read.remove()
  it.record, it.next, it.marks, it.born = argument(), argument(), argument(), argument()
  it.unique, it.index, it.member, it.by_end, it.ends = argument(), argument(), argument(), argument(), argument()
  return it
end
function free.replace(it)
  if version(it) ~= it.version then return false end
  becomes(it, it.next, it.unique)
  for wanted in each(it.unique) do
    local by = holder(wanted)
    if by ~= '' and by ~= it.owner then return false end
    holders[wanted] = it.owner
  end
  return true
end
function write.replace(it)
  local at = due(it.ends)
  let_go(it)
  redis.call('HSET', it.key, 'r', it.record, 'v', it.next)
  if it.marks ~= '' then redis.call('HSET', it.key, 'm', it.marks, 'b', it.born) end
  if it.unique ~= '' then redis.call('HSET', it.key, 'u', it.unique) end
  for wanted in each(it.unique) do
    redis.call('SET', prefix .. wanted, it.owner)
    forget(prefix .. wanted, at)
  end
  local index = prefix .. it.index
  redis.call('HSET', it.key, 'x', it.index, 'i', it.member)
  if it.by_end ~= '' then -- pages go by the members, which then must have one score: ends are listed apart
    local by_end = prefix .. it.by_end
    sweep(index, by_end)
    list(index, 0, it.member, at)
    if at then
      redis.call('HSET', it.key, 'e', it.by_end)
      list(by_end, string.format('%.0f', at), it.member, at)
    end
    if not forgotten(index) then redis.call('PERSIST', by_end) end -- it must still tell what is to leave the index
  elseif at then -- what is over leaves the list; what never ends has the score 0
    redis.call('ZREMRANGEBYSCORE', index, '(0', now)
    list(index, string.format('%.0f', at), it.member, at)
  else
    list(index, 0, it.member, nil)
  end
  forget(it.key, at)
end

function read.count()
  return {key = name(), at = argument(), till = argument(), by = argument(), most = argument(), ends = argument()}
end
-- What the counts before this one make of a counter; no end comes before any time, so that the next one starts it.
local counters = {}
local function counter(key)
  if not counters[key] then
    local known = redis.call('HMGET', key, 'n', 'till')
    counters[key] = {n = tonumber(known[1] or 0), till = known[2] or ''}
  end
  return counters[key]
end
function free.count(it)
  local known = counter(it.key)
  if it.by == '' then
    known.n, known.till = 0, ''
    return true
  end
  if it.at >= known.till then known.n, known.till = 0, it.till end
  known.n = known.n + tonumber(it.by)
  if math.abs(known.n) >= LARGEST then return redis.error_reply('ERR a counter would overflow') end
  return it.most == '' or known.n <= tonumber(it.most)
end
function write.count(it)
  if it.by == '' then
    redis.call('DEL', it.key)
    return
  end
  local till = redis.call('HGET', it.key, 'till')
  if till and it.at < till then
    redis.call('HINCRBY', it.key, 'n', it.by)
  else
    redis.call('HSET', it.key, 'n', it.by, 'till', it.till)
    redis.call('PERSIST', it.key)
    forget(it.key, due(it.ends))
  end
end

local changes = {}
while arguments < #ARGV do
  local word = argument()
  local change = read[word]()
  change.word = word
  changes[#changes + 1] = change
  local ready = free[word](change)
  if ready ~= true then return ready or 0 end
end
for _, change in ipairs(changes) do
  if change.mark or not marks_only then write[change.word](change) end
end
return 1
