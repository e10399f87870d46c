-- Limits of the candidate `nginx-lua`: sliding windows of two counters each, as Kong and APISIX count, in one pipelined
-- round trip to Redis for all windows of a request.
--
-- A window's use is the count of the running fixed window plus that of the one before, weighted by the part of it that
-- the sliding window still covers. Counts are raised first and compared afterwards, so one round trip is enough; only a
-- counter's first request needs another, for its expiry.

local floor = math.floor
local tcp = ngx.socket.tcp
local TIMEOUT_MS = 1000
local IDLE_MS = 60000
local POOL_SIZE = 128

local M = {}

local function fail(why)
  ngx.log(ngx.ERR, "Redis: ", why)
  return ngx.exit(503)
end

-- A reply of INCR or GET as a number; nil and the reason if it is none.
local function receive_number(socket)
  local line, err = socket:receive()
  if not line then return nil, err end
  local kind = line:byte()
  if kind == 58 then return tonumber(line:sub(2)) end -- ":12"
  if kind ~= 36 then return nil, line end -- neither "$…"
  if line == "$-1" then return 0 end
  line, err = socket:receive()
  return tonumber(line), err
end

local function expire_new(socket, keys)
  local commands = {}
  for index, new in ipairs(keys) do
    local ttl = tostring(new.seconds * 2)
    commands[index] = "*3\r\n$6\r\nEXPIRE\r\n$" .. #new.key .. "\r\n" .. new.key ..
      "\r\n$" .. #ttl .. "\r\n" .. ttl .. "\r\n"
  end
  socket:send(commands)
  for _ = 1, #keys do receive_number(socket) end
end

-- Charges one request to all windows; answers it with 429 if one is full. A window is {prefix, seconds, limit}.
function M.enforce(redis_port, windows)
  local socket = tcp()
  socket:settimeout(TIMEOUT_MS)
  local ok, err = socket:connect("127.0.0.1", redis_port, { pool_size = POOL_SIZE })
  if not ok then return fail(err) end
  local now = ngx.now()
  local commands = {}
  for index = 1, #windows do
    local window = windows[index]
    local turn = floor(now / window.seconds)
    local key = window.prefix .. turn
    local before = window.prefix .. (turn - 1)
    commands[index] = "*2\r\n$4\r\nINCR\r\n$" .. #key .. "\r\n" .. key ..
      "\r\n*2\r\n$3\r\nGET\r\n$" .. #before .. "\r\n" .. before .. "\r\n"
  end
  ok, err = socket:send(commands)
  if not ok then return fail(err) end
  local full, tightest, remaining, new = nil, nil, nil, nil
  for index = 1, #windows do
    local window = windows[index]
    local current, current_err = receive_number(socket)
    local previous, previous_err = receive_number(socket)
    if not current or not previous then return fail(current_err or previous_err) end
    if current == 1 then
      new = new or {}
      new[#new + 1] = { key = window.prefix .. floor(now / window.seconds), seconds = window.seconds }
    end
    local covered = 1 - now % window.seconds / window.seconds
    local left = window.limit - floor(previous * covered) - current
    if left < 0 then full = full or window end
    if not remaining or left < remaining then tightest, remaining = window, left end
  end
  if new then expire_new(socket, new) end
  socket:setkeepalive(IDLE_MS, POOL_SIZE)
  ngx.header["RateLimit-Limit"] = tightest.limit
  ngx.header["RateLimit-Remaining"] = remaining > 0 and remaining or 0
  if full then
    ngx.header["Retry-After"] = full.seconds
    return ngx.exit(429)
  end
end

-- Tenants by host, from a file of lines "host per-second per-minute per-second-of-the-key".
function M.read_tenants(path, api_key)
  local tenants, count = {}, 0
  for line in io.lines(path) do
    local host, second, minute, key_second = line:match("^(%S+) (%d+) (%d+) (%d+)$")
    count = count + 1
    local id = "tenant-" .. count
    tenants[host] = {
      id = id,
      keys = {
        [api_key] = {
          { prefix = "limit:" .. id .. ":second:", seconds = 1, limit = tonumber(second) },
          { prefix = "limit:" .. id .. ":minute:", seconds = 60, limit = tonumber(minute) },
          { prefix = "limit:" .. id .. ":key:main:second:", seconds = 1, limit = tonumber(key_second) },
        },
      },
    }
  end
  return tenants
end

return M
