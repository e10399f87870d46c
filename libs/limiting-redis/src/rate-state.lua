-- Reads and writes the debt of one rate (GCRA); follows window-state.lua. See rate-meter.ts for the proof.
--
-- Value of a key, packed by struct:
--
--     'hgr1' | drainedToUs offsetUs debt                                    little-endian doubles
--
--   debt counts parts of a unit, 1,000 * windowMs of them; `limit` parts drain in each microsecond, so all is exact.
--   drainedToUs and offsetUs as highWaterMs and offsetMs of a window; drainedToUs may be one microsecond ahead.
local RATE_MAGIC = 'hgr1'
local RATE_BYTES = 28
local ceil, max, min = math.ceil, math.max, math.min

-- The drained state of a key, under the numbers of this entry.
local function openRate(key, keyIndex, limit, windowMs, burst)
  local state = states[key]
  if not state then
    local clockUs = time[1] * 1000000 + time[2]
    local raw, isClosed = read(key, keyIndex, RATE_MAGIC, RATE_BYTES)
    local drainedToUs, offsetUs, debt = 0, 0, 0
    if raw then drainedToUs, offsetUs, debt = unpack('<ddd', raw, 5) end
    state = {key = key, isRate = true, drainedToUs = drainedToUs, debt = debt, isDirty = false,
      isClosed = isClosed}
    if not (isSound(drainedToUs) and isSound(offsetUs) and isSound(debt)) then
      close(state, keyIndex, ceil(burst * windowMs / limit) + TTL_SLACK_MS)
    end
    if clockUs + offsetUs < drainedToUs - 1 then
      offsetUs = drainedToUs - 1 - clockUs
      state.isDirty = true
    end
    state.now, state.offsetUs = clockUs + offsetUs, offsetUs
    states[key] = state
    states[#states + 1] = state
  end
  state.limit, state.unit, state.full = limit, windowMs * 1000, burst * windowMs * 1000
  if state.now > state.drainedToUs then
    state.debt = max(0, state.debt - (state.now - state.drainedToUs) * limit)
    state.drainedToUs = state.now
  end
  return state
end

-- Units that fit now; negative when the rate was larger when the debt was made.
local function leftOfRate(state)
  return floor((state.full - state.debt) / state.unit)
end

-- A charge begins to drain at the end of its microsecond, unless the debt before it drains until then anyway.
local function chargeRate(state, cost)
  if state.debt < state.limit then state.drainedToUs = state.now + 1 end
  state.debt = state.debt + cost * state.unit
  state.isDirty = true
end

-- Charges what was admitted elsewhere; the debt does not grow beyond the burst.
local function absorbRate(state, cost)
  state.debt = max(state.debt, min(state.full, state.debt + cost * state.unit))
  state.isDirty = true
end

-- Milliseconds until `cost` fits; if it fits, until one more unit than now; 0 without debt.
local function waitOfRate(state, cost)
  if state.debt == 0 then return 0 end
  local units = max(cost, leftOfRate(state) + 1)
  local excess = state.debt - (state.full - units * state.unit)
  if excess <= 0 then return 0 end
  return ceil((state.drainedToUs - state.now + ceil(excess / state.limit)) / 1000)
end

-- The key expires when the debt has drained.
local function writeRate(state)
  local value = RATE_MAGIC .. pack('<ddd', state.drainedToUs, state.offsetUs, state.debt)
  redis.call('SET', state.key, value, 'PX', ceil(state.debt / state.limit / 1000) + TTL_SLACK_MS)
end
