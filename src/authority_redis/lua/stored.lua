-- A record (KEYS[1]) with the grant behind it, when that ended, the spent mark (KEYS[2], if asked for), and the account of
-- the grant's subject (if ARGV[2] says "holder"), who is named by the first cut-off among the grant's marks.
local found = redis.call('HMGET', KEYS[1], 'r', 'm', 'b', 'g')
if not found[1] then return false end
local grant, over, marks = false, ended(found[2], found[3]), found[2]
if found[4] then grant, over, marks = alive(prefix .. found[4]) end
local spent = KEYS[2] and redis.call('GET', KEYS[2])
local subject = ARGV[2] == 'holder' and marks and string.match(marks, 'cut:([^:%s]*)')
return {found[1], grant, over, spent, subject and redis.call('HGET', prefix .. 'user:' .. subject, 'r') or false}
