-- Charges what edges admitted without this store, or what it may have lost. Checks nothing: it has happened.
--
-- KEYS  one per rule, and with 'once' one that remembers the call: a call that is sent again changes nothing.
-- ARGV  per rule: bucketMs, buckets, number of charges, then per charge: its age in ms, its cost; or of a rate:
--       'r', limit, windowMs, burst, cost; or of a quota: 'q', four times of the calendar, the start of the period
--       that is meant, what is known to be used and given back in it, cost. 'once' may be the last.
-- Reply indices of keys that held garbage.

-- A call is sent again as soon as its sender hears of Redis again. After a longer cut it is charged once more: strict.
local ONCE_MS = 60000
local PAIRS_MAX = 256

-- Of very many pairs those of the same small part of the window become one of the youngest's date, which counts for longer than
-- it must: a long value holds up Redis at each take.
local function shorten(state)
  settle(state)
  local raw, first = state.raw, state.first
  if #raw - first < PAIRS_MAX * PAIR_BYTES then return end
  local widthMs = ceil(2 * state.bucketMs * state.buckets / PAIRS_MAX)
  local parts, part, lastMs, sum = {}, nil, 0, 0
  for position = first, #raw - 1, PAIR_BYTES do
    local dateMs, cost = unpack('<dd', raw, position)
    if part and part ~= floor(dateMs / widthMs) then
      parts[#parts + 1] = pack('<dd', lastMs, sum)
      sum = 0
    end
    part, lastMs, sum = floor(dateMs / widthMs), dateMs, sum + cost
  end
  parts[#parts + 1] = pack('<dd', lastMs, sum)
  state.raw, state.first, state.isWhole = table.concat(parts), 1, true
end

-- Replays the charges of a window from ARGV[argument] on; returns where the next rule begins.
local function replayWindow(keyIndex, argument)
  local bucketMs, buckets = tonumber(ARGV[argument]), tonumber(ARGV[argument + 1])
  local charges = tonumber(ARGV[argument + 2])
  argument = argument + 3
  local state = open(KEYS[keyIndex], keyIndex, bucketMs, buckets)
  for _ = 1, charges do
    local ageMs, cost = tonumber(ARGV[argument]), tonumber(ARGV[argument + 1])
    insert(state, endOfBucket(state.now - ageMs, bucketMs), cost)
    state.used = state.used + cost
    argument = argument + 2
  end
  state.isDirty = true
  forget(state, bucketMs, buckets)
  shorten(state)
  return argument
end

-- The same for a rate.
local function replayRate(keyIndex, argument)
  local state = openRate(KEYS[keyIndex], keyIndex, tonumber(ARGV[argument + 1]),
    tonumber(ARGV[argument + 2]), tonumber(ARGV[argument + 3]))
  absorbRate(state, tonumber(ARGV[argument + 4]))
  return argument + 5
end

-- The same for a quota.
local function replayQuota(keyIndex, argument)
  local state = openQuota(KEYS[keyIndex], keyIndex, tonumber(ARGV[argument + 1]), tonumber(ARGV[argument + 2]),
    tonumber(ARGV[argument + 3]), tonumber(ARGV[argument + 4]))
  absorbQuota(state, tonumber(ARGV[argument + 5]), tonumber(ARGV[argument + 6]), tonumber(ARGV[argument + 7]),
    tonumber(ARGV[argument + 8]))
  return argument + 9
end

local rules, mark = #KEYS, nil
if ARGV[#ARGV] == 'once' then
  mark, rules = KEYS[rules], rules - 1
  if redis.call('EXISTS', mark) == 1 then return resets end
end
local argument = 1
for keyIndex = 1, rules do
  if ARGV[argument] == 'r' then
    argument = replayRate(keyIndex, argument)
  elseif ARGV[argument] == 'q' then
    argument = replayQuota(keyIndex, argument)
  else
    argument = replayWindow(keyIndex, argument)
  end
end
writeAll()
if mark then redis.call('SET', mark, '', 'PX', ONCE_MS) end
return resets
