-- The record whose suffix stands at KEYS[1], and when it ended.
local holder = redis.call('GET', KEYS[1])
if not holder then return false end
local record, over = alive(prefix .. holder)
return record and {record, over}
