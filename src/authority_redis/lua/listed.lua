-- All records of the list KEYS[1], each followed by when it ended.
local found = {}
for _, member in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
  local record, over = alive(prefix .. member)
  if record then
    found[#found + 1] = record
    found[#found + 1] = over
  end
end
return found
