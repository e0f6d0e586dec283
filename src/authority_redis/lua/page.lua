-- Records of the ordered list KEYS[1] from ARGV[2] to ARGV[3], ARGV[4] at most. A member is what orders it, two zero
-- bytes, and the record's suffix.
local found = {}
for _, member in ipairs(redis.call('ZRANGEBYLEX', KEYS[1], ARGV[2], ARGV[3], 'LIMIT', 0, ARGV[4])) do
  local record = redis.call('HGET', prefix .. string.match(member, '([^%z]*)$'), 'r')
  if record then found[#found + 1] = record end
end
return found
