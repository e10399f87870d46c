-- Checks and charges entries, in order; each entry all or nothing over its rules, as many of its equal units as fit.
--
-- KEYS  the rules' keys, entry after entry (a key may come again).
-- ARGV  per entry: units, cost of a unit, rules, then per rule: limit, bucketMs, buckets, or of a rate:
--       'r', limit, windowMs, burst; or of slots: 'c', limit, holder, epoch, granted, released.
-- Reply {clockMs, per entry: granted, per rule: remaining, waitMs ..., then indices of keys that held garbage}
--   waitMs: until one more unit fits; if one fits now, until units come back (0: nothing is charged).
-- A denied entry writes nothing; but a clock step, or what a worker claims anew, is written whatever the verdict.

-- Adds to the newest pair if it has this date, or a later one from a wider bucket; else appends a pair.
local function charge(state, cost)
  local raw, first = state.raw, state.first
  local dateMs = endOfBucket(state.now, state.bucketMs)
  local last = #raw - PAIR_BYTES + 1
  local lastMs, lastCost = 0, 0
  if last >= first then lastMs, lastCost = unpack('<dd', raw, last) end
  if lastMs >= dateMs then
    state.raw = sub(raw, first, last - 1) .. pack('<dd', lastMs, lastCost + cost)
  else
    state.raw = sub(raw, first) .. pack('<dd', dateMs, cost)
  end
  state.first = 1
  state.used = state.used + cost
  state.isDirty = true
end

local reply = {clockMs}
local size, keyIndex, position = 1, 0, 1
while position <= #ARGV do
  local units, cost, rules = tonumber(ARGV[position]), tonumber(ARGV[position + 1]), tonumber(ARGV[position + 2])
  position = position + 3
  local entry, granted = {}, units
  for rule = 1, rules do
    keyIndex = keyIndex + 1
    local limit = ARGV[position]
    if limit == 'r' then
      local state = openRate(KEYS[keyIndex], keyIndex, tonumber(ARGV[position + 1]),
        tonumber(ARGV[position + 2]), tonumber(ARGV[position + 3]))
      position = position + 4
      entry[rule * 2 - 1] = state
      granted = min(granted, floor(leftOfRate(state) / cost))
    elseif limit == 'c' then
      limit = tonumber(ARGV[position + 1])
      local state = openSlots(KEYS[keyIndex], keyIndex, ARGV[position + 2], tonumber(ARGV[position + 3]),
        tonumber(ARGV[position + 4]), tonumber(ARGV[position + 5]))
      position = position + 6
      entry[rule * 2 - 1], entry[rule * 2] = state, limit
      granted = min(granted, floor(leftOfSlots(state, limit) / cost))
    else
      limit = tonumber(limit)
      local state = open(KEYS[keyIndex], keyIndex, tonumber(ARGV[position + 1]), tonumber(ARGV[position + 2]))
      position = position + 3
      entry[rule * 2 - 1], entry[rule * 2] = state, limit
      granted = min(granted, floor((limit - state.used) / cost))
    end
  end
  if granted < 0 then granted = 0 end
  size = size + 1
  reply[size] = granted
  for rule = 1, rules do
    local state, limit = entry[rule * 2 - 1], entry[rule * 2]
    if state.isRate then
      if granted > 0 then chargeRate(state, granted * cost) end
      reply[size + 1] = max(0, leftOfRate(state))
      reply[size + 2] = waitOfRate(state, cost)
    elseif state.isSlots then
      if granted > 0 then chargeSlots(state, granted * cost) end
      local left = max(0, leftOfSlots(state, limit))
      reply[size + 1] = left
      reply[size + 2] = left < cost and SLOT_WAIT_MS or 0
    else
      if granted > 0 then charge(state, granted * cost) end
      local remaining = limit - state.used
      reply[size + 1] = max(0, remaining)
      reply[size + 2] = wait(state, max(0, cost - remaining))
    end
    size = size + 2
  end
end
writeAll()
for index = 1, #resets do reply[size + index] = resets[index] end
return reply
