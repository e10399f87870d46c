-- Charges what edges admitted without this store, or what it may have lost. Checks nothing: it has happened.
--
-- KEYS  one per rule.
-- ARGV  per rule: bucketMs, buckets, number of charges, then per charge: its age in ms, its cost; or of a rate:
--       'r', limit, windowMs, burst, cost; or of a quota: 'q', four times of the calendar, the start of the period
--       that is meant, what is known to be used and given back in it, cost.
-- Reply indices of keys that held garbage.

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

local argument = 1
for keyIndex = 1, #KEYS do
  if ARGV[argument] == 'r' then
    argument = replayRate(keyIndex, argument)
  elseif ARGV[argument] == 'q' then
    argument = replayQuota(keyIndex, argument)
  else
    argument = replayWindow(keyIndex, argument)
  end
end
writeAll()
return resets
