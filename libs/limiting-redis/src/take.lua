-- Checks and charges entries, in order; each entry all or nothing over its rules, as many of its equal units as fit.
--
-- KEYS  the rules' keys, entry after entry (a key may come again).
-- ARGV  per entry: units, cost of a unit, rules, then per rule: limit, bucketMs, buckets, or of a rate:
--       'r', limit, windowMs, burst; or of slots: 'c', limit, holder, epoch, granted, released; or of a quota:
--       'q', limit, and four times of the calendar.
--       An entry of windows that asks for a lease, or returns one, begins with
--       'l', amount, longMs, shortMs, gatherMs, returned amount (0: none), its madeMs, its endMs.
-- Reply {clockMs, per entry: granted, with 'l': leased amount, its spanMs, per rule: remaining, waitMs ...,
--       then indices of keys that held garbage}
--   waitMs: until one more unit fits; if one fits now, until units come back (0: nothing is charged). If none fits, one
--   that asked for a lease waits up to gatherMs longer, for as much as its short lease would take.
--   granted is -1 if a key of the entry is closed: nothing is known and nothing charged. Other entries go on.
-- A denied entry writes nothing; but a clock step, or what a worker claims anew, is written whatever the verdict.

-- Charges what may be used until `dateMs`: adds to the newest pair if it has this date, or a later one from a wider
-- bucket or a lease; else appends a pair.
local function charge(state, cost, dateMs)
  local raw, first = state.raw, state.first
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

-- Takes off what was leased and not used, from the youngest charges that are no younger than the lease's own. Nothing if
-- the key was made since, or in the same millisecond: then it does not hold the lease.
local function giveBack(state, amount, madeMs, endMs)
  if state.bornMs >= madeMs then return end
  local newestMs = endOfBucket(endMs, state.bucketMs)
  local position = #state.raw - PAIR_BYTES + 1
  while position >= state.first and amount > 0 do
    local raw = state.raw
    local dateMs, cost = unpack('<dd', raw, position)
    local taken = min(amount, cost)
    if dateMs <= newestMs and taken > 0 then
      local changed = pack('<dd', dateMs, cost - taken)
      state.raw = sub(raw, 1, position - 1) .. changed .. sub(raw, position + PAIR_BYTES)
      state.used = state.used - taken
      state.isDirty = true
      amount = amount - taken
    end
    position = position - PAIR_BYTES
  end
end

-- Charges a lease to all windows of an entry: a long one for half of what is left beyond an eighth of the limit, or, if
-- that is less, a short one. Returns its amount, and how long it may be used: to the end of its narrowest bucket.
local function lease(entry, rules, wanted, longMs, short, shortMs)
  local long = wanted
  for rule = 1, rules do
    local state, limit = entry[rule * 2 - 1], entry[rule * 2]
    local left = limit - state.used
    long = min(long, floor((left - limit / 8) / 2))
    short = min(short, left)
  end
  local amount, spanMs = long, longMs
  if wanted > 0 and short > long then amount, spanMs = short, shortMs end
  if amount <= 0 then return 0, 0 end
  local shortestMs = math.huge
  for rule = 1, rules do
    local state = entry[rule * 2 - 1]
    local dateMs = endOfBucket(state.now + spanMs, state.bucketMs)
    charge(state, amount, dateMs)
    shortestMs = min(shortestMs, dateMs - state.now)
  end
  return amount, shortestMs
end

local reply = {clockMs}
local size, keyIndex, position = 1, 0, 1
while position <= #ARGV do
  local asks = ARGV[position] == 'l'
  local wanted, longMs, shortMs, gatherMs, returned, madeMs, endMs = 0, 0, 0, 0, 0, 0, 0
  if asks then
    wanted, longMs = tonumber(ARGV[position + 1]), tonumber(ARGV[position + 2])
    shortMs, gatherMs = tonumber(ARGV[position + 3]), tonumber(ARGV[position + 4])
    returned, madeMs = tonumber(ARGV[position + 5]), tonumber(ARGV[position + 6])
    endMs = tonumber(ARGV[position + 7])
    position = position + 8
  end
  local units, cost, rules = tonumber(ARGV[position]), tonumber(ARGV[position + 1]), tonumber(ARGV[position + 2])
  position = position + 3
  local short = longMs > 0 and floor(wanted * shortMs / longMs) or 0
  if short < 2 * cost then short = 0 end
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
    elseif limit == 'q' then
      limit = tonumber(ARGV[position + 1])
      local state = openQuota(KEYS[keyIndex], keyIndex, tonumber(ARGV[position + 2]), tonumber(ARGV[position + 3]),
        tonumber(ARGV[position + 4]), tonumber(ARGV[position + 5]))
      position = position + 6
      entry[rule * 2 - 1], entry[rule * 2] = state, limit
      granted = min(granted, floor(leftOfQuota(state, limit) / cost))
    else
      limit = tonumber(limit)
      local state = open(KEYS[keyIndex], keyIndex, tonumber(ARGV[position + 1]), tonumber(ARGV[position + 2]))
      position = position + 3
      if returned > 0 then giveBack(state, returned, madeMs, endMs) end
      entry[rule * 2 - 1], entry[rule * 2] = state, limit
      granted = min(granted, floor((limit - state.used) / cost))
    end
  end
  if granted < 0 then granted = 0 end
  for rule = 1, rules do
    if entry[rule * 2 - 1].isClosed then granted, wanted = -1, 0 end
  end
  size = size + 1
  reply[size] = granted
  for rule = 1, rules do
    local state = entry[rule * 2 - 1]
    if granted > 0 then
      if state.isRate then
        chargeRate(state, granted * cost)
      elseif state.isSlots then
        chargeSlots(state, granted * cost)
      elseif state.isQuota then
        chargeQuota(state, granted * cost)
      else
        charge(state, granted * cost, endOfBucket(state.now, state.bucketMs))
      end
    end
  end
  if asks then
    reply[size + 1], reply[size + 2] = lease(entry, rules, wanted, longMs, short, shortMs)
    size = size + 2
  end
  for rule = 1, rules do
    local state, limit = entry[rule * 2 - 1], entry[rule * 2]
    if state.isClosed then
      reply[size + 1], reply[size + 2] = 0, 0
    elseif state.isRate then
      reply[size + 1] = max(0, leftOfRate(state))
      reply[size + 2] = waitOfRate(state, cost)
    elseif state.isSlots then
      local left = max(0, leftOfSlots(state, limit))
      reply[size + 1] = left
      reply[size + 2] = left < cost and SLOT_WAIT_MS or 0
    elseif state.isQuota then
      reply[size + 1] = max(0, leftOfQuota(state, limit))
      reply[size + 2] = waitOfQuota(state)
    else
      local remaining = limit - state.used
      local excess = max(0, cost - remaining)
      reply[size + 1] = max(0, remaining)
      reply[size + 2] = wait(state, excess, excess > 0 and max(0, short - cost) or 0, gatherMs)
    end
    size = size + 2
  end
end
writeAll()
for index = 1, #resets do reply[size + index] = resets[index] end
return reply
