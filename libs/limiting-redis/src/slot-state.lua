-- Reads and writes the slots of one concurrency limit; follows the other states.
--
-- A hash with a field per worker that holds slots, its value packed by struct:
--
--     epoch granted released expiresMs                                      little-endian doubles
--
--   granted - released are held. Both only rise within an epoch, so a claim of the worker is joined by taking the larger
--   values: repeating or delaying one changes nothing. A newer epoch replaces the field, an older one is void.
--   After expiresMs the slots are free: the worker is gone, or cut off. If Redis's clock steps back, a field still
--   expires within a lease.
local SLOT_BYTES = 32
local SLOT_LEASE_MS = 2500
local SLOT_WAIT_MS = 25

-- The fields of a key; a key of another type is deleted and reported, a field of another form is deleted.
local function readSlots(key, keyIndex)
  local fields = redis.pcall('HGETALL', key)
  if not fields.err then return fields end
  if not string.find(fields.err, 'WRONGTYPE', 1, true) then error(fields.err) end
  redis.call('DEL', key)
  resets[#resets + 1] = keyIndex
  return {}
end

-- Joins the claim with the field of its worker; `lapsed` are slots that are held but had been given up.
local function join(state, own, epoch, granted, released)
  if own and own.epoch > epoch then
    state.isVoid = true
  elseif own and own.epoch == epoch then
    state.isDirty = granted > own.granted or released > own.released
    state.granted, state.released = max(own.granted, granted), max(own.released, released)
  else
    state.isDirty = own ~= nil or granted > released
    state.granted, state.released = granted, released
    if not own then state.lapsed = granted - released end
  end
end

-- The slots of a key, joined with what its worker claims. One read per call. What has expired is removed at once, so
-- that a clock that steps back does not revive it.
local function openSlots(key, keyIndex, holder, epoch, granted, released)
  local state = states[key]
  if state then return state end
  state = {key = key, isSlots = true, holder = holder, epoch = epoch, granted = 0, released = 0,
    others = 0, lapsed = 0, isDirty = false, isVoid = false}
  local fields, own = readSlots(key, keyIndex), nil
  for index = 1, #fields, 2 do
    local field, value = fields[index], fields[index + 1]
    local fieldEpoch, fieldGranted, fieldReleased, expiresMs = 0, 0, 0, 0
    if #value == SLOT_BYTES then fieldEpoch, fieldGranted, fieldReleased, expiresMs = unpack('<dddd', value) end
    if not (isSound(fieldEpoch) and isSound(fieldGranted) and isSound(fieldReleased) and isSound(expiresMs)) then
      fieldGranted, fieldReleased, expiresMs = 0, 0, 0
    end
    if expiresMs > clockMs + SLOT_LEASE_MS then
      expiresMs = clockMs + SLOT_LEASE_MS
      redis.call('HSET', key, field, pack('<dddd', fieldEpoch, fieldGranted, fieldReleased, expiresMs))
    end
    if expiresMs <= clockMs then
      redis.call('HDEL', key, field)
    elseif field == holder then
      own = {epoch = fieldEpoch, granted = fieldGranted, released = fieldReleased}
    else
      state.others = state.others + fieldGranted - fieldReleased
    end
  end
  join(state, own, epoch, granted, released)
  states[key] = state
  states[#states + 1] = state
  return state
end

-- Units that fit now; none for a claim of a worker that has begun a newer epoch.
local function leftOfSlots(state, limit)
  if state.isVoid then return 0 end
  return limit - state.others - (state.granted - state.released)
end

local function chargeSlots(state, cost)
  state.granted = state.granted + cost
  state.isDirty = true
end

-- Writes the worker's field, or removes it when nothing is held.
local function writeSlots(state)
  local key = state.key
  if state.granted == state.released then
    redis.call('HDEL', key, state.holder)
    return
  end
  local expiresMs = clockMs + SLOT_LEASE_MS
  redis.call('HSET', key, state.holder, pack('<dddd', state.epoch, state.granted, state.released, expiresMs))
  redis.call('PEXPIRE', key, SLOT_LEASE_MS + TTL_SLACK_MS)
end

-- Writes every state that has changed, of all kinds.
local function writeAll()
  for index = 1, #states do
    local state = states[index]
    if state.isDirty and not state.isClosed then
      if state.isRate then
        writeRate(state)
      elseif state.isSlots then
        writeSlots(state)
      elseif state.isQuota then
        writeQuota(state)
      else
        write(state)
      end
    end
  end
end
