-- Reads and writes the usage of one calendar quota; follows rate-state.lua.
--
-- Value of a key, packed by struct:
--
--     'hgq2' | startMs used endMs returned                                  little-endian doubles
--
--   used is all that was ever charged in the period, returned what was ever given back of that (of bytes only). Both only
--   rise, so that what edges know of them can be joined by taking the larger ones.
--
-- A call brings the calendar: where the period before, this one and the next begin, and where that ends, as of the time
-- at which its sender believes Redis's clock to be. Redis's clock decides which of the three it is.
local QUOTA_MAGIC = 'hgq2'
local CALENDAR_WAIT_MS = 100

-- The usage of a key in the present period. A period that has begun lasts to its end: neither a clock that steps back nor a
-- calendar of another time zone begins another one before. What lies beyond the next period is not believed.
local function openQuota(key, keyIndex, before, this, following, finish)
  local state = states[key]
  if state then return state end
  local startMs, endMs = before, this
  if clockMs >= following then
    startMs, endMs = following, finish
  elseif clockMs >= this then
    startMs, endMs = this, following
  end
  state = {key = key, isQuota = true, isDirty = false, isOff = clockMs < before or clockMs >= finish, used = 0,
    returned = 0}
  local raw, isClosed = read(key, keyIndex, QUOTA_MAGIC, 36)
  state.isClosed = isClosed
  if raw then
    local storedMs, used, storedEndMs, returned = unpack('<dddd', raw, 5)
    local isWhole = isSound(storedMs) and isSound(used) and isSound(storedEndMs) and isSound(returned)
    if not isWhole or returned > used then
      close(state, keyIndex, max(0, endMs - clockMs) + TTL_SLACK_MS)
    elseif storedMs <= following and storedEndMs <= finish and (storedMs >= startMs or storedEndMs > clockMs) then
      state.used, state.returned = used, returned
      if storedMs ~= startMs then startMs, endMs = storedMs, storedEndMs end
    end
  end
  state.startMs, state.endMs = startMs, endMs
  states[key] = state
  states[#states + 1] = state
  return state
end

-- Units that fit now; none while the sender's calendar is not that of Redis's clock: the reply tells it the time.
local function leftOfQuota(state, limit)
  if state.isOff then return 0 end
  return limit - state.used + state.returned
end

local function chargeQuota(state, cost)
  state.used = state.used + cost
  state.isDirty = true
end

-- Gives back bytes that were taken in this period and did not pass.
local function giveBackQuota(state, amount, madeMs)
  if state.isOff or madeMs < state.startMs or state.used == 0 then return end
  state.returned = min(state.used, state.returned + amount)
  state.isDirty = true
end

-- Charges what was admitted in the period that began at `startMs`: at least what others are known to have used, and
-- then what nobody knows of; likewise what they have given back.
local function absorbQuota(state, startMs, used, returned, cost)
  if state.isOff or state.startMs ~= startMs then return end
  state.used = max(state.used, used) + cost
  state.returned = max(state.returned, returned)
  state.isDirty = true
end

-- Milliseconds until the period ends; 0 when nothing is charged.
local function waitOfQuota(state)
  if state.isOff then return CALENDAR_WAIT_MS end
  if state.used == state.returned then return 0 end
  return max(0, state.endMs - clockMs)
end

-- The key expires with its period.
local function writeQuota(state)
  local value = QUOTA_MAGIC .. pack('<dddd', state.startMs, state.used, state.endMs, state.returned)
  redis.call('SET', state.key, value, 'PX', max(0, state.endMs - clockMs) + TTL_SLACK_MS)
end
