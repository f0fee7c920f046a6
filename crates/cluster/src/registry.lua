#!lua name=callrec

-- The functions of callrec's cluster. KEYS[1] is the prefix of all keys, the namespace in braces,
-- so that all keys are in one slot. All times are those of this server, in milliseconds.
--
-- <p>:leases          sorted set: node, by the end of its lease
-- <p>:epochs          hash: node, its present epoch
-- <p>:instances       hash: node, the directory that has its name
-- <p>:processes       hash: node, the process that wrote its recordings
-- <p>:dead            sorted set: node, by the time at which its recordings are forgotten
-- <p>:live:<node>     set: the places of the node's recordings
-- <p>:all             sorted set, all scores 0: the places of all recordings
-- <p>:rec:<id>        hash: node, place, json, and the indexes that have it, separated by NUL
-- <p>:i:<index>       set: the places of the recordings in an index
-- <p>:found:<process> hash: entries node-lost of nodes that this process has found dead, until it confirms
--                     that it has reported them: the node, and the ids of its recordings
-- <p>:refilling       while nodes write their recordings again because the data was lost
-- <p>:claim:<request> a command that its owner has begun
-- <p>:end:<id>        the entry of a recording's end in the stream
-- <p>:events          the stream
--
-- A place is 16 hexadecimal digits of the start, 8 of the order on its node, and the recording's id, so
-- places sort by time.

local function now()
    local time = redis.call('TIME')
    return tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
end

local function id_of(place)
    return string.sub(place, 25)
end

local function is_place(text)
    return #text == 60 and not string.find(text, '[^%x%-]')
end

local function is_node_name(text)
    return #text > 0 and #text <= 64 and not string.find(text, '[^%w%-_%.]')
end

local function split(text)
    local parts = {}
    for part in string.gmatch(text or '', '[^%z]+') do
        parts[#parts + 1] = part
    end
    return parts
end

local function forget(p, id)
    local record = redis.call('HMGET', p .. ':rec:' .. id, 'node', 'place', 'indexes')
    local node, place = record[1], record[2]
    if not place then
        return
    end
    for _, index in ipairs(split(record[3])) do
        redis.call('SREM', p .. ':i:' .. index, place)
    end
    redis.call('ZREM', p .. ':all', place)
    redis.call('SREM', p .. ':live:' .. node, place)
    redis.call('DEL', p .. ':rec:' .. id)
end

-- Forgets at most this number of a node's recordings. Returns how many may still be forgotten by the caller.
local function forget_some(p, node, most)
    for _, place in ipairs(redis.call('SMEMBERS', p .. ':live:' .. node)) do
        if most == 0 then
            return 0
        end
        forget(p, id_of(place))
        -- Also if the recording itself is gone.
        redis.call('SREM', p .. ':live:' .. node, place)
        redis.call('ZREM', p .. ':all', place)
        most = most - 1
    end
    return most
end

local function forget_node(p, node)
    forget_some(p, node, math.huge)
end

local function has_lease(p, node, at)
    local lease = redis.call('ZSCORE', p .. ':leases', node)
    return lease and tonumber(lease) > at
end

local function next_epoch(p, node)
    local time = redis.call('TIME')
    local epoch = tonumber(time[1]) * 1000000 + tonumber(time[2])
    local before = tonumber(redis.call('HGET', p .. ':epochs', node) or '0') or 0
    if epoch <= before then
        epoch = before + 1
    end
    local text = string.format('%.0f', epoch)
    redis.call('HSET', p .. ':epochs', node, text)
    return text
end

local function is_stale(p, node, epoch)
    return redis.call('HGET', p .. ':epochs', node) ~= epoch or not has_lease(p, node, now())
end

-- How long after a loss of the data nodes may take to write their recordings again, beyond half a lease:
-- a node notices the loss when it renews its lease, or when it connects again.
local REFILL = 2500

-- node, instance, lease, process, its epoch before or nothing: a node begins, or begins again. The
-- recordings that the same process wrote before stay, so that commands to them are not refused until they
-- are written again. The process then removes those that have ended since.
local function register(keys, args)
    local p, node, instance = keys[1], args[1], args[2]
    local at = now()
    if has_lease(p, node, at) and redis.call('HGET', p .. ':instances', node) ~= instance then
        return { 'TAKEN' }
    end
    if redis.call('HGET', p .. ':processes', node) ~= args[4] then
        forget_node(p, node)
    end
    if (args[5] or '') ~= '' and not redis.call('HGET', p .. ':epochs', node) then
        redis.call('SET', p .. ':refilling', '1', 'PX', math.floor(tonumber(args[3]) / 2) + REFILL)
    end
    redis.call('ZREM', p .. ':dead', node)
    redis.call('HSET', p .. ':instances', node, instance)
    redis.call('HSET', p .. ':processes', node, args[4])
    redis.call('ZADD', p .. ':leases', at + tonumber(args[3]), node)
    return { 'OK', next_epoch(p, node) }
end

-- The groups of consumers of the stream, each as a table.
local function groups_of(p)
    local groups = {}
    if redis.call('EXISTS', p .. ':events') == 0 then
        return groups
    end
    for i, fields in ipairs(redis.call('XINFO', 'GROUPS', p .. ':events')) do
        groups[i] = {}
        for k = 1, #fields, 2 do
            groups[i][fields[k]] = fields[k + 1]
        end
    end
    return groups
end

-- Whether an entry of a stream is before another one.
local function is_before(entry, other)
    local ms, part = string.match(entry, '(%d+)-(%d+)')
    local other_ms, other_part = string.match(other, '(%d+)-(%d+)')
    ms, part, other_ms, other_part = tonumber(ms), tonumber(part), tonumber(other_ms), tonumber(other_part)
    return ms < other_ms or (ms == other_ms and part < other_part)
end

-- As many entries of the stream are removed at a time.
local TRIMMED = 100
-- Entries that are older, in milliseconds, are removed even if a group waits for them. The jobs for them
-- are given up at this age.
local KEPT_MAX = 7 * 24 * 3600 * 1000

-- The first entry that a group has not read, or has not acknowledged, or one before it.
local function needed_by(p, group, oldest)
    local pending = redis.call('XPENDING', p .. ':events', group['name'])[2]
    local entry = pending or group['last-delivered-id']
    return is_before(entry, oldest) and oldest or entry
end

-- Removes the oldest entries beyond the length, except those that a group needs.
local function trim(p, length)
    local stream = p .. ':events'
    if redis.call('XLEN', stream) < tonumber(length) + TRIMMED then
        return
    end
    local first = redis.call('XRANGE', stream, '-', '+', 'COUNT', 1)[1][1]
    local oldest = string.format('%.0f-0', now() - KEPT_MAX)
    local needed
    for _, group in ipairs(groups_of(p)) do
        local entry = needed_by(p, group, oldest)
        if not needed or is_before(entry, needed) then
            needed = entry
        end
    end
    if needed and not is_before(first, needed) then
        return
    end
    local removed = redis.call('XRANGE', stream, '-', '+', 'COUNT', TRIMMED + 1)
    local remains = removed[#removed][1]
    if needed and is_before(needed, remains) then
        remains = needed
    end
    redis.call('XTRIM', stream, 'MINID', remains)
end

-- Appends an entry to the stream.
local function append(p, length, ...)
    local entry = redis.call('XADD', p .. ':events', '*', ...)
    trim(p, length)
    return entry
end

-- How long a process may take to confirm a report, in seconds.
local FOUND_LIFE = 24 * 3600

-- As many recordings of dead nodes are forgotten in one call, so that it does not take long.
local FORGOTTEN = 500

-- Exactly one call finds a lease expired, and reports the node as lost in the stream. Its process is
-- given the report with each beat until it confirms it.
local function reap(p, at, grace, length, found)
    for _, node in ipairs(redis.call('ZRANGE', p .. ':leases', '-inf', at, 'BYSCORE')) do
        redis.call('ZREM', p .. ':leases', node)
        -- Another program may have written here.
        if is_node_name(node) then
            redis.call('ZADD', p .. ':dead', at + grace, node)
            next_epoch(p, node)
            local ids = {}
            local places = redis.call('SMEMBERS', p .. ':live:' .. node)
            table.sort(places)
            for _, place in ipairs(places) do
                if is_place(place) then
                    ids[#ids + 1] = id_of(place)
                end
            end
            local list = #ids == 0 and '[]' or cjson.encode(ids)
            local entry = append(p, length, 'event', 'node-lost', 'id', '', 'node', node, 'json',
                '{"event":"node-lost","node":"' .. node .. '","recordings":' .. list .. '}')
            redis.call('HSET', found, entry, node .. ' ' .. list)
            redis.call('EXPIRE', found, FOUND_LIFE)
        end
    end
    local most = FORGOTTEN
    for _, node in ipairs(redis.call('ZRANGE', p .. ':dead', '-inf', at, 'BYSCORE')) do
        most = forget_some(p, node, most)
        if most == 0 then
            return
        end
        redis.call('ZREM', p .. ':dead', node)
        redis.call('HDEL', p .. ':instances', node)
        redis.call('HDEL', p .. ':processes', node)
    end
end

-- node, epoch, lease, grace, length, process, entries: a node lives on, and looks for those that do not.
-- A message tells the node that messages still reach it. The entries are those that the process has
-- reported.
local function beat(keys, args)
    local p, node, epoch = keys[1], args[1], args[2]
    local at = now()
    local stale = is_stale(p, node, epoch)
    if not stale then
        redis.call('ZADD', p .. ':leases', at + tonumber(args[3]), node)
        redis.call('PUBLISH', p .. ':to:' .. node, 'beat')
    end
    local found, lost = p .. ':found:' .. args[6], {}
    for i = 7, #args do
        redis.call('HDEL', found, args[i])
    end
    reap(p, at, tonumber(args[4]), args[5], found)
    local reports = redis.call('HGETALL', found)
    for i = 1, #reports, 2 do
        local name, list = string.match(reports[i + 1], '^([%w%-_%.]+) (%[[%x%-",]*%])$')
        if name then
            lost[#lost + 1] = { reports[i], name, list }
        else
            redis.call('HDEL', found, reports[i])
        end
    end
    return { stale and 'STALE' or 'OK', lost }
end

-- node, epoch: a node ends in order.
local function leave(keys, args)
    local p, node, epoch = keys[1], args[1], args[2]
    if redis.call('HGET', p .. ':epochs', node) ~= epoch then
        return 'STALE'
    end
    forget_node(p, node)
    redis.call('ZREM', p .. ':leases', node)
    redis.call('HDEL', p .. ':instances', node)
    redis.call('HDEL', p .. ':processes', node)
    next_epoch(p, node)
    return 'OK'
end

-- node, epoch, then for each recording: place, json, indexes separated by NUL.
local function upsert(keys, args)
    local p, node = keys[1], args[1]
    if is_stale(p, node, args[2]) then
        return 'STALE'
    end
    for i = 3, #args, 3 do
        local place, json, indexes = args[i], args[i + 1], args[i + 2]
        local key = p .. ':rec:' .. id_of(place)
        local before = redis.call('HGET', key, 'indexes')
        if before ~= indexes then
            for _, index in ipairs(split(before or '')) do
                redis.call('SREM', p .. ':i:' .. index, place)
            end
            for _, index in ipairs(split(indexes)) do
                redis.call('SADD', p .. ':i:' .. index, place)
            end
        end
        redis.call('HSET', key, 'node', node, 'place', place, 'json', json, 'indexes', indexes)
        redis.call('SADD', p .. ':live:' .. node, place)
        redis.call('ZADD', p .. ':all', 0, place)
    end
    return 'OK'
end

-- node, epoch, ids: recordings that are no longer live.
local function remove(keys, args)
    local p, node = keys[1], args[1]
    if is_stale(p, node, args[2]) then
        return 'STALE'
    end
    for i = 3, #args do
        if redis.call('HGET', p .. ':rec:' .. args[i], 'node') == node then
            forget(p, args[i])
        end
    end
    return 'OK'
end

-- node: the ids of its recordings here.
local function held(keys, args)
    local ids = redis.call('SMEMBERS', keys[1] .. ':live:' .. args[1])
    local found = {}
    for _, place in ipairs(ids) do
        if is_place(place) then
            found[#found + 1] = id_of(place)
        end
    end
    return found
end

-- What a node is: 1 if it has its lease, 0 if it is dead, and nothing if its recordings are being forgotten.
local function state_of(p, node, at)
    if has_lease(p, node, at) then
        return 1
    end
    local forgotten_at = redis.call('ZSCORE', p .. ':dead', node)
    if forgotten_at and tonumber(forgotten_at) <= at then
        return nil
    end
    return 0
end

local function row(p, place, at)
    local record = redis.call('HMGET', p .. ':rec:' .. id_of(place), 'node', 'json')
    if not record[1] or not record[2] then
        return nil
    end
    local state = state_of(p, record[1], at)
    return state and { place, record[1], state, record[2] }
end

-- Whether a node may conclude that what is not here is nowhere: not while recordings are written again after
-- the data was lost, which the node itself notices when its lease is gone.
local function is_complete(p, node, at)
    return has_lease(p, node, at) and redis.call('EXISTS', p .. ':refilling') == 0 and 1 or 0
end

-- node, after, limit, indexes: the recordings in all these indexes whose place is after this one. The result
-- is the last place that was looked at, the recordings, whether there may be more after that place, the
-- present time, and whether the list is complete for this node. A place without a recording is passed over,
-- so a page may have fewer than `limit`.
local function list(keys, args)
    local p, after, limit = keys[1], args[2], tonumber(args[3])
    local places
    if #args == 3 then
        local from = after == '' and '[0' or '(' .. after
        places = redis.call('ZRANGE', p .. ':all', from, '+', 'BYLEX', 'LIMIT', 0, limit)
    else
        local sets = {}
        for i = 4, #args do
            sets[#sets + 1] = p .. ':i:' .. args[i]
        end
        places = redis.call('SINTER', unpack(sets))
        table.sort(places)
    end
    local at, rows, last = now(), {}, ''
    local has_more = #args == 3 and #places == limit
    for _, place in ipairs(places) do
        if place >= 'g' then
            -- Of another program, as is all after it.
            has_more = false
            break
        end
        -- Text that is no place may not even be UTF-8.
        if place > after and not string.find(place, '[^%w%-]') then
            last = place
            rows[#rows + 1] = row(p, place, at)
            if #rows == limit then
                has_more = true
                break
            end
        end
    end
    if last == '' then
        has_more = false
    end
    return { last, rows, has_more and 1 or 0, at, is_complete(p, args[1], at) }
end

-- node, id: one recording, the present time, and whether a recording that is not found is nowhere.
local function find(keys, args)
    local p, at = keys[1], now()
    local place = redis.call('HGET', p .. ':rec:' .. args[2], 'place')
    return { place and row(p, place, at) or {}, at, is_complete(p, args[1], at) }
end

-- node, deadline, text: sends a command to a node. The sender makes the deadline from a time that it
-- was given before, so a command that was held up on its way to this server is refused here.
local function command(keys, args)
    local p, node, at = keys[1], args[1], now()
    if tonumber(args[2]) <= at then
        return 'LATE'
    end
    if not has_lease(p, node, at) then
        return 'NOBODY'
    end
    local receivers = redis.call('PUBLISH', p .. ':to:' .. node, args[2] .. ' ' .. args[3])
    return receivers > 0 and 'OK' or 'NOBODY'
end

-- request, deadline: the owner begins a command, unless it is late or has been begun. The second
-- member of the result is how long it may still take.
local function claim(keys, args)
    local p, deadline = keys[1], tonumber(args[2])
    local left = deadline - now()
    if left <= 0 then
        return { 'LATE', 0 }
    end
    if redis.call('SET', p .. ':claim:' .. args[1], '1', 'NX', 'PX', left + 60000) then
        return { 'OK', left }
    end
    return { 'TAKEN', 0 }
end

-- Whether every group of consumers has acknowledged an entry. Without groups it has.
local function is_acknowledged(p, entry)
    for _, group in ipairs(groups_of(p)) do
        -- A group that was not given the entry yet would be given it by a read.
        if is_before(group['last-delivered-id'], entry)
            or #redis.call('XPENDING', p .. ':events', group['name'], entry, entry, 1) > 0 then
            return false
        end
    end
    return true
end

-- id, event, node, json, length, life in seconds, directory: the end of a recording, appended once. It is
-- appended again if it has left the stream before every group has acknowledged it. The directory is empty
-- unless the node has adopted it. The recording is not listed any more, even if its own node is dead.
local function ended(keys, args)
    local p, id, directory = keys[1], args[1], args[7] or ''
    forget(p, id)
    local stream, guard = p .. ':events', p .. ':end:' .. id
    local entry = redis.call('GET', guard)
    if entry and redis.call('EXISTS', stream) == 1 then
        if is_acknowledged(p, entry) then
            return 1
        end
        if #redis.call('XRANGE', stream, entry, entry) > 0 then
            return 0
        end
        -- Nobody can act on what is gone, so no group is to wait for it.
        for _, group in ipairs(groups_of(p)) do
            redis.call('XACK', stream, group['name'], entry)
        end
    end
    local fields = { 'event', args[2], 'id', id, 'node', args[3], 'json', args[4] }
    if directory ~= '' then
        fields[9], fields[10] = 'directory', directory
    end
    entry = append(p, args[5], unpack(fields))
    redis.call('SET', guard, entry, 'EX', args[6])
    return is_acknowledged(p, entry) and 1 or 0
end

redis.register_function('callrec_register', register)
redis.register_function('callrec_beat', beat)
redis.register_function('callrec_leave', leave)
redis.register_function('callrec_upsert', upsert)
redis.register_function('callrec_remove', remove)
redis.register_function{ function_name = 'callrec_held', callback = held, flags = { 'no-writes' } }
redis.register_function{ function_name = 'callrec_list', callback = list, flags = { 'no-writes' } }
redis.register_function{ function_name = 'callrec_find', callback = find, flags = { 'no-writes' } }
redis.register_function('callrec_command', command)
redis.register_function('callrec_claim', claim)
redis.register_function('callrec_ended', ended)
