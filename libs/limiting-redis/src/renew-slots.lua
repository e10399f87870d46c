-- Prolongs the slots of a worker and notes what it released.
--
-- KEYS  one per concurrency limit.
-- ARGV  per limit: holder, epoch, granted, released.
-- Reply {slots that are held but had lapsed, then indices of keys that held garbage}

local lapsed = 0
for keyIndex = 1, #KEYS do
  local argument = (keyIndex - 1) * 4
  local state = openSlots(KEYS[keyIndex], keyIndex, ARGV[argument + 1], tonumber(ARGV[argument + 2]),
    tonumber(ARGV[argument + 3]), tonumber(ARGV[argument + 4]))
  state.isDirty = not state.isVoid
  lapsed = lapsed + state.lapsed
end
writeAll()
local reply = {lapsed}
for index = 1, #resets do reply[index + 1] = resets[index] end
return reply
