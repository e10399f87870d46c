-- Checks and charges entries, in order; each entry all or nothing over its rules, as many of its equal units as fit.
--
-- KEYS  the rules' keys, entry after entry (a key may come again).
-- ARGV  per entry: units, cost of a unit, rules, then per rule: limit, bucketMs, buckets, or of a rate:
--       'r', limit, windowMs, burst; or of slots: 'c', limit, holder, epoch, granted, released; or of a quota:
--       'q', limit, and four times of the calendar.
--       An entry of windows that asks for a lease, or returns one, begins with
--       'l', amount, farMs, longMs, shortMs, gatherMs, aheadMs, number of returns, then per return: amount,
--       its madeMs, its endMs.
--       An entry with rules that count bytes begins with 'b', bytes of the request, bytes of the response, number of
--       returns, then per return: bytes of the request, bytes of the response, its madeMs. Such a rule has 'in' or 'out'
--       ahead of its numbers. It is charged what the entry says of its bytes, and nothing if that is 0.
-- Reply {clockMs, per entry: granted, with 'l': leased amount, its spanMs, number of those leased ahead, of each: after how many
--       ms it begins, amount, spanMs; per rule: remaining, waitMs ...,
--       with quotas that count bytes per rule: given back ..., then indices of keys that held garbage}
--   waitMs: until one more unit fits; if one fits now, until units come back (0: nothing is charged). If none fits, one
--   that asked for a lease waits up to gatherMs longer, for as much as its short lease would take. One with an aheadMs waits
--   only for what would not come back within aheadMs of its next call.
--   granted is -1 if a key of the entry is closed: nothing is known and nothing charged. Other entries go on.
-- A denied entry writes nothing; but a clock step, or what a worker claims anew, is written whatever the verdict.

-- Charges what may be used until `dateMs`.
local function charge(state, cost, dateMs)
  insert(state, dateMs, cost)
  state.used = state.used + cost
  state.isDirty = true
end

-- Takes off what was leased and not used, from the youngest charges that are no younger than the lease's own. Nothing if
-- the key was made since, or in the same millisecond: then it does not hold the lease. What was taken for at once
-- (endMs is madeMs) may have made the key. A charge of which nothing is left goes: in buckets of 1 ms each request would
-- leave one, for as long as the window is.
local function giveBack(state, amount, madeMs, endMs)
  if state.bornMs > madeMs or (state.bornMs == madeMs and endMs > madeMs) then return end
  local newestMs = endOfBucket(endMs, state.bucketMs)
  settle(state)
  -- Dates never decrease: counts the pairs up to the youngest that is old enough.
  local low, high = 0, (#state.raw - state.first + 1) / PAIR_BYTES
  while low < high do
    local middle = floor((low + high) / 2)
    local dateMs = unpack('<d', state.raw, state.first + middle * PAIR_BYTES)
    if dateMs <= newestMs then low = middle + 1 else high = middle end
  end
  local position = state.first + (low - 1) * PAIR_BYTES
  while position >= state.first and amount > 0 do
    local raw = state.raw
    local dateMs, cost = unpack('<dd', raw, position)
    local taken = min(amount, cost)
    if taken > 0 then
      local changed = taken < cost and pack('<dd', dateMs, cost - taken) or ''
      state.raw = sub(raw, 1, position - 1) .. changed .. sub(raw, position + PAIR_BYTES)
      state.used = state.used - taken
      state.isDirty, state.isWhole = true, true
      amount = amount - taken
    end
    position = position - PAIR_BYTES
  end
end

-- What a lease for a part of the time takes; nothing if that is fewer than two requests: they may as well ask themselves.
local function leasePart(wanted, spanMs, farMs, cost)
  local part = farMs > 0 and floor(wanted * spanMs / farMs) or 0
  return part < 2 * cost and 0 or part
end

-- Charges a lease to all windows of an entry: a far one if at most an eighth of each limit is used then; else a long one
-- for half of what is left beyond an eighth, or, if that is less, a short one. Returns its amount, and how long it may be
-- used: to the end of its narrowest bucket.
local function lease(entry, rules, far, farMs, long, longMs, short, shortMs)
  for rule = 1, rules do
    local state, limit = entry[rule * 2 - 1], entry[rule * 2]
    local left = limit - state.used
    if state.used + far > limit / 8 then far = 0 end
    long = min(long, floor((left - limit / 8) / 2))
    short = min(short, left)
  end
  local amount, spanMs = far, farMs
  if long > amount then amount, spanMs = long, longMs end
  if short > amount then amount, spanMs = short, shortMs end
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

-- Charges leases of what comes back within aheadMs: of each bucket's beginning, to the end of the bucket of spanMs later.
-- Who uses them from then on is bound as one who asked then: all that was charged before and counts then is seen. Answers
-- per lease: after how many ms it begins, amount, spanMs.
local function leaseAhead(entry, rules, amount, cost, aheadMs, spanMs)
  local stepMs, startMs, leases = math.huge, 0, {}
  for rule = 1, rules do
    local state = entry[rule * 2 - 1]
    if state.bucketMs < stepMs then
      stepMs = state.bucketMs
      startMs = stepMs - state.now % stepMs
    end
  end
  while startMs <= aheadMs do
    local part = amount
    for rule = 1, rules do
      local state, limit = entry[rule * 2 - 1], entry[rule * 2]
      part = min(part, limit - usedAt(state, state.now + startMs))
    end
    if part >= 2 * cost then
      local shortestMs = math.huge
      for rule = 1, rules do
        local state = entry[rule * 2 - 1]
        local dateMs = endOfBucket(state.now + startMs + spanMs, state.bucketMs)
        charge(state, part, dateMs)
        shortestMs = min(shortestMs, dateMs - state.now - startMs)
      end
      local size = #leases
      leases[size + 1], leases[size + 2], leases[size + 3] = startMs, part, shortestMs
    end
    startMs = startMs + stepMs
  end
  return leases
end

-- Takes off bytes that were taken and did not pass.
local function giveBackBytes(state, returns, which)
  for index = 1, #returns, 3 do
    local amount, madeMs = returns[index + which], returns[index + 2]
    if amount > 0 then
      if state.isQuota then giveBackQuota(state, amount, madeMs) else giveBack(state, amount, madeMs, madeMs) end
    end
  end
end

local reply = {clockMs}
local size, keyIndex, position = 1, 0, 1
while position <= #ARGV do
  local asks = ARGV[position] == 'l'
  local wanted, farMs, longMs, shortMs, gatherMs, aheadMs, unused = 0, 0, 0, 0, 0, 0, {}
  if asks then
    wanted, farMs = tonumber(ARGV[position + 1]), tonumber(ARGV[position + 2])
    longMs, shortMs = tonumber(ARGV[position + 3]), tonumber(ARGV[position + 4])
    gatherMs, aheadMs = tonumber(ARGV[position + 5]), tonumber(ARGV[position + 6])
    local last = position + 7 + 3 * tonumber(ARGV[position + 7])
    for index = position + 8, last do unused[#unused + 1] = tonumber(ARGV[index]) end
    position = last + 1
  end
  local bytes, returns, costs
  if ARGV[position] == 'b' then
    bytes, returns, costs = {tonumber(ARGV[position + 1]), tonumber(ARGV[position + 2])}, {}, {}
    local last = position + 3 + 3 * tonumber(ARGV[position + 3])
    for index = position + 4, last do returns[#returns + 1] = tonumber(ARGV[index]) end
    position = last + 1
  end
  local units, cost, rules = tonumber(ARGV[position]), tonumber(ARGV[position + 1]), tonumber(ARGV[position + 2])
  position = position + 3
  local long, short = leasePart(wanted, longMs, farMs, cost), leasePart(wanted, shortMs, farMs, cost)
  local entry, granted, hasByteQuota = {}, units, false
  for rule = 1, rules do
    keyIndex = keyIndex + 1
    local limit, which, due = ARGV[position], nil, cost
    if bytes then
      if limit == 'in' then which = 1 elseif limit == 'out' then which = 2 end
      if which then
        due, position = bytes[which], position + 1
        limit = ARGV[position]
      end
      costs[rule] = due
    end
    if limit == 'r' then
      local state = openRate(KEYS[keyIndex], keyIndex, tonumber(ARGV[position + 1]),
        tonumber(ARGV[position + 2]), tonumber(ARGV[position + 3]))
      position = position + 4
      entry[rule * 2 - 1] = state
      if due > 0 then granted = min(granted, floor(leftOfRate(state) / due)) end
    elseif limit == 'c' then
      limit = tonumber(ARGV[position + 1])
      local state = openSlots(KEYS[keyIndex], keyIndex, ARGV[position + 2], tonumber(ARGV[position + 3]),
        tonumber(ARGV[position + 4]), tonumber(ARGV[position + 5]))
      position = position + 6
      entry[rule * 2 - 1], entry[rule * 2] = state, limit
      if due > 0 then granted = min(granted, floor(leftOfSlots(state, limit) / due)) end
    elseif limit == 'q' then
      limit = tonumber(ARGV[position + 1])
      local state = openQuota(KEYS[keyIndex], keyIndex, tonumber(ARGV[position + 2]), tonumber(ARGV[position + 3]),
        tonumber(ARGV[position + 4]), tonumber(ARGV[position + 5]))
      position = position + 6
      entry[rule * 2 - 1], entry[rule * 2] = state, limit
      if which then giveBackBytes(state, returns, which - 1) end
      hasByteQuota = hasByteQuota or which ~= nil
      if due > 0 then granted = min(granted, floor(leftOfQuota(state, limit) / due)) end
    else
      limit = tonumber(limit)
      local state = open(KEYS[keyIndex], keyIndex, tonumber(ARGV[position + 1]), tonumber(ARGV[position + 2]))
      position = position + 3
      for index = 1, #unused, 3 do giveBack(state, unused[index], unused[index + 1], unused[index + 2]) end
      entry[rule * 2 - 1], entry[rule * 2] = state, limit
      if which then giveBackBytes(state, returns, which - 1) end
      if due > 0 then granted = min(granted, floor((limit - state.used) / due)) end
    end
  end
  if granted < 0 then granted = 0 end
  for rule = 1, rules do
    if entry[rule * 2 - 1].isClosed then granted, wanted, long, short = -1, 0, 0, 0 end
  end
  size = size + 1
  reply[size] = granted
  for rule = 1, rules do
    local state, due = entry[rule * 2 - 1], costs and costs[rule] or cost
    if granted > 0 and due > 0 then
      if state.isRate then
        chargeRate(state, granted * due)
      elseif state.isSlots then
        chargeSlots(state, granted * due)
      elseif state.isQuota then
        chargeQuota(state, granted * due)
      else
        charge(state, granted * due, endOfBucket(state.now, state.bucketMs))
      end
    end
  end
  if asks then
    reply[size + 1], reply[size + 2] = lease(entry, rules, wanted, farMs, long, longMs, short, shortMs)
    local later = {}
    if aheadMs > 0 and short > 0 then later = leaseAhead(entry, rules, short, cost, aheadMs, shortMs) end
    reply[size + 3] = #later / 3
    size = size + 3
    for index = 1, #later do reply[size + index] = later[index] end
    size = size + #later
  end
  for rule = 1, rules do
    local state, limit, due = entry[rule * 2 - 1], entry[rule * 2], costs and costs[rule] or cost
    if state.isClosed then
      reply[size + 1], reply[size + 2] = 0, 0
    elseif state.isRate then
      reply[size + 1] = max(0, leftOfRate(state))
      reply[size + 2] = waitOfRate(state, due)
    elseif state.isSlots then
      local left = max(0, leftOfSlots(state, limit))
      reply[size + 1] = left
      reply[size + 2] = left < due and SLOT_WAIT_MS or 0
    elseif state.isQuota then
      reply[size + 1] = max(0, leftOfQuota(state, limit))
      reply[size + 2] = waitOfQuota(state)
    else
      local remaining = limit - state.used
      local excess = max(0, due - remaining)
      reply[size + 1] = max(0, remaining)
      reply[size + 2] = wait(state, excess, excess > 0 and max(0, short - due) or 0, gatherMs,
        excess > 0 and aheadMs or 0)
    end
    size = size + 2
  end
  if hasByteQuota then
    for rule = 1, rules do reply[size + rule] = entry[rule * 2 - 1].returned or 0 end
    size = size + rules
  end
end
writeAll()
for index = 1, #resets do reply[size + index] = resets[index] end
return reply
