#!lua name=sluice1
-- Every write to a shard goes through here, numbered n -> n + 1 across owners. (epoch, owner) is the fence: both must be equal,
-- never "at least". Numbers are decimal strings without leading zeros; Redis' own numbers would lose digits above 2^53.
-- tests/support/ledger_twin.c is the same in C, and tests/contract holds both to one behaviour.

local function less(x, y) return #x < #y or (#x == #y and x < y) end

local function turn(lease, a)                        -- a: epoch owner n n1 ...
  local l = redis.call('HMGET', lease, 'epoch', 'owner', 'n', 'dig', 'ckpt')
  if l[1] ~= a[1] or l[2] ~= a[2] then return {'FENCED', l[1] or '0', l[2] or '', l[3] or '0'} end
  if l[3] ~= a[3] then return {'AT', l[3], l[4], l[5]} end    -- past n: done before; below n: Redis went back
end

-- keys: lease log          args: epoch owner n n1 time digest batch
local function commit(k, a)
  local no = turn(k[1], a); if no then return no end
  redis.call('XADD', k[2], a[4] .. '-0', 'b', a[7])
  redis.call('HSET', k[1], 'n', a[4], 't', a[5], 'dig', a[6], 'last', a[4])
  return {'OK', a[4]}
end

-- What settle may do to keys[3..]: the least number of items, the most, and what it is a multiple of.
local verbs = {SET = {1, 1, 1}, HSET = {2, 1000, 2}, HDEL = {1, 1000, 1}, DEL = {0, 0, 1}, ZADD = {2, 1000, 2}, ZREM = {1, 1000, 1}}

local function fits(k, a, i, j)                      -- the operation on keys[j], which starts at args[i]
  local v, c = verbs[a[i]], tonumber(a[i + 1])
  if not v or not c or c < v[1] or c > v[2] or c % v[3] ~= 0 or i + 1 + c > #a then return false end
  if k[j] == k[1] or k[j] == k[2] then return false end
  for s = i + 2, a[i] == 'ZADD' and i + 1 + c or 0, 2 do      -- scores are commit numbers: exact in a double
    if #a[s] > 15 or not string.find(a[s], '^%d+$') then return false end
  end
  return true
end

-- keys: lease log key...   args: epoch owner n n1 time ckpt, then for each further key: verb, number of items, items
local function settle(k, a)
  local no = turn(k[1], a); if no then return no end
  if not less(a[6], a[4]) then return {'BAD', 'ckpt'} end
  local i = 7
  for j = 3, #k do                                   -- look at everything before anything is written
    if not fits(k, a, i, j) then return {'BAD', tostring(j)} end
    i = i + 2 + tonumber(a[i + 1])
  end
  if i ~= #a + 1 then return {'BAD', 'args'} end
  i = 7
  for j = 3, #k do
    local c = tonumber(a[i + 1])
    redis.call(a[i], k[j], unpack(a, i + 2, i + 1 + c))
    i = i + 2 + c
  end
  redis.call('HSET', k[1], 'n', a[4], 't', a[5], 'ckpt', a[6], 'tries', '0')
  redis.call('XTRIM', k[2], 'MINID', a[6] .. '-1')
  return {'OK', a[4]}
end

-- keys: lease              args: epoch owner n n1 time new_owner      (a beat keeps the owner, a release gives '')
local function beat(k, a)
  local no = turn(k[1], a); if no then return no end
  redis.call('HSET', k[1], 'n', a[4], 't', a[5], 'owner', a[6])
  return {'OK', a[4]}
end

-- keys: lease              args: seen_epoch seen_n new_epoch new_owner
local function acquire(k, a)
  local l = redis.call('HMGET', k[1], 'epoch', 'n', 'dig', 'ckpt', 't', 'owner', 'last')
  if (l[1] or '0') ~= a[1] or (l[2] or '0') ~= a[2] or not less(a[1], a[3]) then
    return {'LOST', l[1] or '0', l[2] or '0', l[6] or ''}
  end
  local n, dig, ckpt, t, last = l[2] or '0', l[3] or '', l[4] or '0', l[5] or '0', l[7] or '0'
  redis.call('HSET', k[1], 'epoch', a[3], 'owner', a[4], 'n', n, 'dig', dig, 'ckpt', ckpt, 't', t, 'from', n, 'last', last)
  return {'OK', a[3], n, dig, ckpt, t, tostring(redis.call('HINCRBY', k[1], 'tries', 1)), last}
end

local function resume(k)
  local l = redis.call('HMGET', k[1], 'epoch', 'owner', 'n', 'dig', 'ckpt', 't', 'from', 'tries', 'last')
  for i = 1, 9 do l[i] = l[i] or '' end
  return l
end

-- Facts that belong to no shard (pipelines by name, stage types, policies): one field, compare and set.
-- keys: hash               args: field expected value
local function put(k, a)
  local now = redis.call('HGET', k[1], a[1]) or ''
  if now ~= a[2] then return {'LOST', now} end
  redis.call('HSET', k[1], a[1], a[3])
  return {'OK'}
end

local function write(name, f) redis.register_function{function_name = name, callback = f, flags = {'allow-oom'}} end
write('sluice1_commit', commit)
write('sluice1_settle', settle)
write('sluice1_beat', beat)
write('sluice1_acquire', acquire)
write('sluice1_put', put)
redis.register_function{function_name = 'sluice1_resume', callback = resume, flags = {'no-writes'}}
