-- Creates notes, each with a title and a time of its own.
--
--     wrk -s create.lua URL -- STATUS count|trust RUN FILE
--
-- RUN is a number that no other run has; FILE holds the note as JSON. In it a title
-- and times are written with the digits `000000000000`, whose place a number takes.
local tally = require "tally"

local pieces, created = {}, 0

function init(args)
    if args[2] == "count" then
        tally.count(tonumber(args[1]))
    end
    -- The numbers of runs are apart by more than a run can create.
    created = tonumber(args[3]) * 100000000
    local file = assert(io.open(args[4]))
    local note = file:read("*a")
    file:close()
    local whole = wrk.format("POST", nil, nil, note)
    local from = 1
    while true do
        local first, last = whole:find("000000000000", from, true)
        if not first then
            break
        end
        table.insert(pieces, whole:sub(from, first - 1))
        from = last + 1
    end
    table.insert(pieces, whole:sub(from))
end

function request()
    created = created + 1
    return table.concat(pieces, string.format("%012d", created))
end
