-- A window of cells in whole numbers: see window.go, which is the same in Go.
-- ARGV: max, width, back; direct, lend, hold, id; ids of what is used up.
-- Answers ok, lent, left, retry, reset, life; nothing is written for one who is refused.
local max, width, back = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local direct, lend = tonumber(ARGV[4]), tonumber(ARGV[5])
local cur = math.floor(now / width)
local used, older, rest = 0, 0, ''
local lent, settled, latest = 0, 0, 0
local list, out -- of the rest, once it is taken apart: cells by age, loans by expiry
local held = redis.call('GET', KEYS[1])
local was = cur
if held then
  local a, u, o, tail = string.match(held, '^(%d+) (%d+) (%d+)(.*)$')
  if not a then return redis.error_reply('ERR ' .. KEYS[1] .. ' holds no window') end
  was, used, older, rest = tonumber(a), tonumber(u), tonumber(o), tail
  if cur < was then
    cur = was
    now = cur * width
  end
end

local function add(age, n)
  if n == 0 or age > back then return end
  if age == 0 then
    used = used + n
    return
  end
  older = older + n
  local i = 1
  while list[i] and list[i][1] < age do i = i + 1 end
  if list[i] and list[i][1] == age then
    list[i][2] = list[i][2] + n
  else
    table.insert(list, i, {age, n})
  end
end

-- takes the rest apart, and lets go of what is too old
local function open()
  if list then return end
  list, out = {}, {}
  local before = used
  used, older = 0, 0
  add(cur - was, before)
  for age, n in string.gmatch(rest, ' (%d+)=(%d+)') do add(age + cur - was, tonumber(n)) end
  local ended = {}
  for i = 8, #ARGV do ended[ARGV[i]] = true end
  for id, size, expiry in string.gmatch(rest, ' (%w+):(%d+):(%d+)') do
    size, expiry = tonumber(size), tonumber(expiry)
    if expiry <= now then
      add(cur - math.floor(expiry / width), size)
    elseif ended[id] then
      settled = settled + size
    else
      out[#out + 1] = {id, size, expiry}
      lent = lent + size
      latest = math.floor(expiry / width)
    end
  end
  used = used + settled
end

-- As long as the cell is the same and nothing is lent, the rest is what it was, and its sum is known.
if cur ~= was or (rest ~= '' and string.find(rest, ':', 1, true)) then open() end

local total = used + older + lent
local ok, given, life = 0, 0, 0
if back == 0 then life = (cur + 1) * width - now end
if max - total >= math.max(direct, 1) then
  ok = 1
  given = math.min(lend, max - total - direct)
  used = used + direct
  total = total + direct
  local hold = tonumber(ARGV[6])
  if given > 0 and hold == 0 then
    used = used + given
    total = total + given
  elseif given > 0 then
    open()
    local i, expiry = #out, now + hold
    if back == 0 then expiry = math.min(expiry, now + life - 1) end
    for _, o in ipairs(out) do
      if o[1] == ARGV[7] then given, expiry = o[2], nil end
    end
    if expiry then
      while i > 0 and out[i][3] > expiry do i = i - 1 end
      table.insert(out, i + 1, {ARGV[7], given, expiry})
      total = total + given
      latest = math.floor(out[#out][3] / width)
    end
  end
end

local need = 1
if ok == 0 then need = math.max(direct, 1) end
local retry, short = 0, need - (max - total)
if short > 0 then
  open()
  local oldest = cur
  local i = #list
  while i > 0 do
    short = short - list[i][2]
    if short <= 0 then
      oldest = cur - list[i][1]
      break
    end
    i = i - 1
  end
  retry = (oldest + back + 1) * width - now
end

local newest = latest
if used > 0 then
  newest = math.max(newest, cur)
elseif older > 0 then
  open()
  newest = math.max(newest, cur - list[1][1])
end
local over = now
if newest > 0 then over = (newest + back + 1) * width end
if ok == 1 or settled > 0 then
  local text = string.format('%.0f %.0f %.0f', cur, used, older)
  if list then
    for _, c in ipairs(list) do text = text .. string.format(' %.0f=%.0f', c[1], c[2]) end
    for _, o in ipairs(out) do text = text .. string.format(' %s:%.0f:%.0f', o[1], o[2], o[3]) end
  else
    text = text .. rest
  end
  redis.call('SET', KEYS[1], text, 'PXAT', string.format('%.0f', math.floor(over / 1000) + 1))
end
return {ok, given, math.max(0, max - total), retry, over - now, life}
