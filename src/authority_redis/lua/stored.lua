-- A record (KEYS[1]) with the grant behind it, when that ended, and the spent mark (KEYS[2], if asked for).
local found = redis.call('HMGET', KEYS[1], 'r', 'm', 'b', 'g')
if not found[1] then return false end
local grant, over = false, ended(found[2], found[3])
if found[4] then grant, over = alive(prefix .. found[4]) end
return {found[1], grant, over, KEYS[2] and redis.call('GET', KEYS[2])}
