-- Records of the ordered list KEYS[1] from ARGV[2] to ARGV[3], ARGV[4] at most, or all where that is -1. A member is what
-- orders it, two zero bytes, and the record's suffix; records that are over but still listed are skipped.
local found, from, wanted = {}, 0, tonumber(ARGV[4])
repeat
  local members = redis.call('ZRANGEBYLEX', KEYS[1], ARGV[2], ARGV[3], 'LIMIT', from, wanted)
  for _, member in ipairs(members) do
    local record = redis.call('HGET', prefix .. string.match(member, '([^%z]*)$'), 'r')
    if record and #found ~= wanted then found[#found + 1] = record end
  end
  from = from + wanted
until wanted < 0 or #found == wanted or #members < wanted
return found
