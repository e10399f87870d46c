-- Charges what edges admitted without this store, or what it may have lost. Checks nothing: it has happened.
--
-- KEYS  one per rule.
-- ARGV  per rule: bucketMs, buckets, number of charges, then per charge: its age in ms, its cost.
-- Reply indices of keys that held garbage.

-- Adds the charge where its date belongs; a date that is already there grows.
local function insert(state, dateMs, cost)
  local list = state.list
  local index = #list + 1
  while index > state.first and list[index - 2] >= dateMs do index = index - 2 end
  if list[index] == dateMs then
    list[index + 1] = list[index + 1] + cost
    return
  end
  table.insert(list, index, cost)
  table.insert(list, index, dateMs)
end

local position = 1
for keyIndex = 1, #KEYS do
  local bucketMs, buckets = tonumber(ARGV[position]), tonumber(ARGV[position + 1])
  local charges = tonumber(ARGV[position + 2])
  position = position + 3
  local state = open(KEYS[keyIndex], keyIndex, bucketMs, buckets)
  for _ = 1, charges do
    local usedMs = state.now - tonumber(ARGV[position])
    insert(state, (floor(usedMs / bucketMs) + 1) * bucketMs - 1, tonumber(ARGV[position + 1]))
    position = position + 2
  end
  state.isDirty = true
  count(state, bucketMs, buckets)
end
writeAll()
return resets
