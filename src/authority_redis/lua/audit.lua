-- The newest lines of the audit trail below ARGV[2], ARGV[3] at most; lines that are over but still listed are skipped.
local found, from, wanted = {}, 0, tonumber(ARGV[3])
while #found < wanted do
  local members = redis.call('ZREVRANGEBYLEX', KEYS[1], ARGV[2], '-', 'LIMIT', from, wanted)
  for _, member in ipairs(members) do
    local line = redis.call('HGET', prefix .. string.match(member, ':(.*)'), 'r')
    if line and #found < wanted then found[#found + 1] = line end
  end
  if #members < wanted then break end
  from = from + wanted
end
return found
