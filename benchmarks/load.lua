-- One form POST a request. Environment: BODY, BASIC (base64 of id:secret), and for values that are used once:
--   KIND=code: BODY's %s becomes code-<number>, numbers from FIRST on
--   KIND=chain: BODY's %s becomes the refresh token of the latest answer of a free chain; chains FIRST to FIRST+63
local body, kind, first = os.getenv("BODY"), os.getenv("KIND"), tonumber(os.getenv("FIRST") or "0")
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/x-www-form-urlencoded"
wrk.headers["Accept"] = "application/json"
wrk.headers["Authorization"] = os.getenv("BASIC")
if kind == nil then
  wrk.body = body
else
  local queue, head, tail, shown = {}, 1, 0, false
  local before, after = body:match("^(.-)%%s(.*)$")
  if kind == "chain" then
    for number = first, first + 63 do tail = tail + 1; queue[tail] = string.format("refresh-%035d", number) end
  end
  request = function()
    local value
    if kind == "code" then
      value = string.format("code-%038d", first); first = first + 1
    else
      value = queue[head] or "dry"; queue[head] = nil; head = head + 1
    end
    return wrk.format(nil, nil, nil, before .. value .. after)
  end
  response = function(status, headers, text)
    if status ~= 200 then
      if not shown then shown = true; io.stderr:write("first bad answer: ", status, " ", text:sub(1, 300), "\n") end
    elseif kind == "chain" then
      tail = tail + 1; queue[tail] = text:match('"refresh_token"%s*:%s*"([^"]+)"')
    end
  end
end
