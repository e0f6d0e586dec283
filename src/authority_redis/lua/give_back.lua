-- Takes away the marks KEYS that still hold the values ARGV[2], ARGV[3] and so on.
for at, key in ipairs(KEYS) do
  if redis.call('GET', key) == ARGV[at + 1] then redis.call('DEL', key) end
end
return 1
