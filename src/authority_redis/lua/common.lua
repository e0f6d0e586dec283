-- What every read shares. ARGV[1] is the prefix.
local prefix = ARGV[1]

-- The first of the marks that end a thing born at *born*: a cut-off ends what was created at its time or before.
local function ended(marks, born)
  local at = false
  for mark in string.gmatch(marks or '', '%S+') do
    local found = redis.call('GET', prefix .. mark)
    if found and (string.sub(mark, 1, 4) ~= 'cut:' or born <= found) and (not at or found < at) then at = found end
  end
  return at
end

-- A record, when it ended, and the marks that may end it; or false thrice.
local function alive(key)
  local found = redis.call('HMGET', key, 'r', 'm', 'b')
  if not found[1] then return false, false, false end
  return found[1], ended(found[2], found[3]), found[2]
end
