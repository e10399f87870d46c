-- Reads and writes the usage of one limit; the head of take.lua and replay.lua. See sliding-window.ts for the proof.
--
-- Value of a key: a msgpack array {FORMAT, highWaterMs, offsetMs, date1, cost1, date2, cost2, ...}
--   dates are ms, never decreasing; a charge is dated to the end of its bucket and counts while
--   bucket(date) >= bucket(now) - N. Dates, not bucket numbers: a changed limit may change the bucket width.
-- Redis's clock is the only clock. highWaterMs is the time of the last write; if the clock has stepped back behind
-- it, offsetMs makes this key's time go on from there at the clock's pace: nothing expires early, nobody is locked out.
local FORMAT = 4801
local TTL_SLACK_MS = 1000
local floor = math.floor

local time = redis.call('TIME')
local clockMs = time[1] * 1000 + floor(time[2] / 1000)
local states = {}
local resets = {}

local function decode(raw)
  if type(raw) ~= 'string' then return nil end
  local ok, list = pcall(cmsgpack.unpack, raw)
  if not ok or type(list) ~= 'table' then return nil end
  local length = #list
  if length < 3 or length % 2 == 0 or list[1] ~= FORMAT then return nil end
  for index = 2, length do
    if type(list[index]) ~= 'number' then return nil end
  end
  return list
end

-- The list of a key; a value of another type or format is deleted and reported, never trusted.
local function read(key, keyIndex)
  local raw = redis.pcall('GET', key)
  if not raw then return {FORMAT, 0, 0} end
  local list = decode(raw)
  if list then return list end
  if type(raw) == 'table' and not string.find(raw.err, 'WRONGTYPE', 1, true) then error(raw.err) end
  redis.call('DEL', key)
  resets[#resets + 1] = keyIndex
  return {FORMAT, 0, 0}
end

local function count(state, bucketMs, buckets)
  local list = state.list
  local length = #list
  local liveFromMs = (floor(state.now / bucketMs) - buckets) * bucketMs
  local first = 4
  while first < length and list[first] < liveFromMs do first = first + 2 end
  local used = 0
  for index = first + 1, length, 2 do used = used + list[index] end
  state.first, state.used, state.bucketMs, state.buckets = first, used, bucketMs, buckets
end

-- The state of a key: its time `now`, what counts (`used`), where that begins (`first`). One read per key and call.
local function open(key, keyIndex, bucketMs, buckets)
  local state = states[key]
  if not state then
    local list = read(key, keyIndex)
    state = {key = key, list = list, now = clockMs + list[3], isDirty = false}
    if state.now < list[2] then
      list[3] = list[2] - clockMs
      state.now = list[2]
      state.isDirty = true
    end
    states[key] = state
    states[#states + 1] = state
  elseif state.bucketMs == bucketMs then
    return state
  end
  count(state, bucketMs, buckets)
  return state
end

-- Time until `excess` units have left (0: until the oldest charge leaves); 0 when nothing is charged.
local function wait(state, excess)
  local list, bucketMs = state.list, state.bucketMs
  local freed = 0
  for index = state.first, #list - 1, 2 do
    freed = freed + list[index + 1]
    if freed >= excess then
      return (floor(list[index] / bucketMs) + state.buckets + 1) * bucketMs - state.now
    end
  end
  return 0
end

-- Every key expires when its newest charge has left.
local function write(state)
  local list, live = state.list, {FORMAT, state.now, state.list[3]}
  for index = state.first, #list do live[#live + 1] = list[index] end
  local ttlMs = (state.buckets + 1) * state.bucketMs + TTL_SLACK_MS
  redis.call('SET', state.key, cmsgpack.pack(live), 'PX', ttlMs)
end

local function writeAll()
  for index = 1, #states do
    if states[index].isDirty then write(states[index]) end
  end
end
