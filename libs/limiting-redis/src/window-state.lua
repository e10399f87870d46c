-- Reads and writes the usage of one limit; the head of all scripts. See sliding-window.ts for the proof.
--
-- Value of a key, packed by struct (a msgpack array cost 4 times the CPU: every take rebuilt all its numbers):
--
--     'hgw2' | highWaterMs offsetMs used bornMs | date cost | date cost | ...      little-endian doubles
--
--   dates are ms, never decreasing; a charge is dated to the end of its bucket and counts while
--   bucket(date) >= bucket(now) - N. Dates, not bucket numbers: a changed limit may change the bucket width.
--   used is the sum of all costs in the value, so that a take touches only the oldest and the newest pair.
--   bornMs is the clock at the first write: what was leased before then is not in the value.
-- A take that adds to the youngest pair of a long value changes just that and the header in Redis, and one that appends a pair
-- makes the value once: 1,000 bytes cost some 5 us to make (Lua hashes each string). Redis's own APPEND would be cheaper still,
-- but doubles the memory of a value.
-- Redis's clock is the only clock. highWaterMs is the time of the last write; if the clock has stepped back behind
-- it, offsetMs makes this key's time go on from there at the clock's pace: nothing expires early, nobody is locked out.
local MAGIC = 'hgw2'
local HEADER_BYTES = 36
local PAIR_BYTES = 16
local CLOSED = 'hgx1'
local TTL_SLACK_MS = 1000
local LONG_BYTES = 256
local floor, sub = math.floor, string.sub
local pack, unpack = struct.pack, struct.unpack

local time = redis.call('TIME')
local clockMs = time[1] * 1000 + floor(time[2] / 1000)
local states = {}
local resets = {}

-- The value of a key or nil; a value of another type or format is deleted and reported, never trusted. Second: is it closed?
local function read(key, keyIndex, magic, headerBytes)
  local raw = redis.pcall('GET', key)
  if not raw then return nil end
  if type(raw) == 'string' then
    if raw == CLOSED then return nil, true end
    if sub(raw, 1, 4) == magic and #raw % PAIR_BYTES == headerBytes % PAIR_BYTES and #raw >= headerBytes then
      return raw
    end
  elseif not string.find(raw.err, 'WRONGTYPE', 1, true) then
    error(raw.err)
  end
  redis.call('DEL', key)
  resets[#resets + 1] = keyIndex
  return nil
end

-- Whole, at least 0 and exact in a double: NaN is not, compared with which every limit would seem to have room.
local function isSound(number)
  return number >= 0 and number <= 9007199254740991 and floor(number) == number
end

-- Closes a key of the right form with numbers that cannot be, for as long as what it held could have counted: its usage
-- is not known, and until it expires nothing is granted or charged there. Reported once.
local function close(state, keyIndex, ttlMs)
  state.isClosed = true
  redis.call('SET', state.key, CLOSED, 'PX', ttlMs)
  resets[#resets + 1] = keyIndex
end

-- Puts the pair that was changed or appended by itself where all others are, for whoever reads or changes those.
local function settle(state)
  if state.tailMs then
    state.raw = sub(state.raw, state.first, state.tailAt - 1) .. pack('<dd', state.tailMs, state.tailCost)
    state.first, state.tailMs, state.tailAt, state.isWhole = 1, nil, nil, true
  end
end

-- Moves `first` over the pairs that have left the window.
local function forget(state, bucketMs, buckets)
  settle(state)
  local raw, first = state.raw, state.first
  local liveFromMs = (floor(state.now / bucketMs) - buckets) * bucketMs
  while first < #raw do
    local dateMs, cost = unpack('<dd', raw, first)
    if dateMs >= liveFromMs then break end
    state.used = state.used - cost
    first = first + PAIR_BYTES
  end
  state.first, state.bucketMs, state.buckets = first, bucketMs, buckets
end

-- The state of a key: its time `now`, what counts (`used`), the pairs in `raw` from `first` on. One read per call. The youngest
-- pair may be apart: then it is (tailMs, tailCost), and belongs at `tailAt` of `raw`. isWhole: `raw` is not what Redis holds.
local function open(key, keyIndex, bucketMs, buckets)
  local state = states[key]
  if state then
    if state.bucketMs ~= bucketMs then forget(state, bucketMs, buckets) end
    return state
  end
  local raw, isClosed = read(key, keyIndex, MAGIC, HEADER_BYTES)
  local highWaterMs, offsetMs, used, bornMs = 0, 0, 0, clockMs
  if raw then highWaterMs, offsetMs, used, bornMs = unpack('<dddd', raw, 5) end
  state = {key = key, raw = raw or '', first = raw and HEADER_BYTES + 1 or 1, used = used, bornMs = bornMs,
    isWhole = not raw, isDirty = false, isClosed = isClosed}
  if clockMs + offsetMs < highWaterMs then
    offsetMs = highWaterMs - clockMs
    state.isDirty, state.isWhole = true, true
  end
  state.now, state.offsetMs = clockMs + offsetMs, offsetMs
  forget(state, bucketMs, buckets)
  if not (isSound(highWaterMs) and isSound(offsetMs) and isSound(state.used)) then
    close(state, keyIndex, (buckets + 1) * bucketMs + TTL_SLACK_MS)
  end
  states[key] = state
  states[#states + 1] = state
  return state
end

-- A charge of now is dated to the end of its bucket.
local function endOfBucket(nowMs, bucketMs)
  return (floor(nowMs / bucketMs) + 1) * bucketMs - 1
end

-- Adds a charge where its date belongs; a date that is already there grows. What is younger are leases, and few: others
-- must not be charged as late as those are. Only a replay walks further.
local function insert(state, dateMs, charged)
  if state.tailMs == dateMs then
    state.tailCost = state.tailCost + charged
    return
  end
  settle(state)
  local raw, first = state.raw, state.first
  local position, rest = #raw + 1, #raw + 1
  while position > first do
    local beforeMs, beforeCost = unpack('<dd', raw, position - PAIR_BYTES)
    if beforeMs < dateMs then break end
    position = position - PAIR_BYTES
    if beforeMs == dateMs then
      charged = beforeCost + charged
      break
    end
    rest = position
  end
  if rest > #raw then
    state.tailMs, state.tailCost, state.tailAt = dateMs, charged, position
    return
  end
  state.raw = sub(raw, first, position - 1) .. pack('<dd', dateMs, charged) .. sub(raw, rest)
  state.first, state.isWhole = 1, true
end

-- What counts at a time that is still to come, of what is charged by now.
local function usedAt(state, timeMs)
  settle(state)
  local raw, used, position = state.raw, state.used, state.first
  local liveFromMs = (floor(timeMs / state.bucketMs) - state.buckets) * state.bucketMs
  while position < #raw do
    local dateMs, cost = unpack('<dd', raw, position)
    if dateMs >= liveFromMs then break end
    used = used - cost
    position = position + PAIR_BYTES
  end
  return used
end

-- Time until `excess` units have left (0: until the oldest charge leaves); 0 when nothing is charged. Up to `forMs`
-- longer, until `more` units more have left: for a worker that would take them all at once. One that leases `aheadMs`
-- ahead need not wait for what leaves within that time.
local function wait(state, excess, more, forMs, aheadMs)
  local raw, bucketMs, tailAt = state.raw, state.bucketMs, state.tailAt
  local freed, foundMs, latestMs = 0, nil, nil
  for position = state.first, tailAt or #raw - 1, PAIR_BYTES do
    local dateMs, cost = state.tailMs, state.tailCost
    if position ~= tailAt then dateMs, cost = unpack('<dd', raw, position) end
    freed = freed + cost
    if freed >= excess then
      local leavesMs = (floor(dateMs / bucketMs) + state.buckets + 1) * bucketMs
      if not latestMs then
        foundMs, latestMs = leavesMs, leavesMs + aheadMs + forMs
      elseif leavesMs > latestMs then
        break
      end
      if cost > 0 then foundMs = math.max(foundMs, leavesMs - aheadMs) end
      if aheadMs == 0 and freed >= excess + more then break end
    end
  end
  if not foundMs then return 0 end
  local longestMs = (state.buckets + 1) * bucketMs + TTL_SLACK_MS
  local waitMs = foundMs - state.now
  if waitMs >= 0 and waitMs <= longestMs then return waitMs end
  return longestMs -- a date that cannot be
end

-- The key expires when its newest charge has left; that of a lease is up to 500 ms ahead, within the slack.
local function write(state)
  local key, raw, first, tailAt = state.key, state.raw, state.first, state.tailAt
  local ttlMs = (state.buckets + 1) * state.bucketMs + TTL_SLACK_MS
  local tail = tailAt and pack('<dd', state.tailMs, state.tailCost) or ''
  local header = pack('<dddd', state.now, state.offsetMs, state.used, state.bornMs)
  local isGrown = tailAt and tailAt < #raw and first == HEADER_BYTES + 1 and not state.isWhole
  if isGrown and #raw >= LONG_BYTES then
    redis.call('SETRANGE', key, #MAGIC, header)
    redis.call('SETRANGE', key, tailAt - 1, tail)
    redis.call('PEXPIRE', key, ttlMs)
  else
    redis.call('SET', key, MAGIC .. header .. sub(raw, first, tailAt and tailAt - 1 or -1) .. tail, 'PX', ttlMs)
  end
end
