-- Writes notes by id, one after the other and over again, each time with another title.
--
--     wrk -s put.lua URL -- STATUS count|trust FILE NOTE
--
-- FILE holds an id in each line, which is put behind the path of the URL; NOTE is a
-- file with the note as JSON, with `000000000000` where a number is put.
local tally = require "tally"

local ids, sent, before, after = {}, 0, "", ""

function init(args)
    if args[2] == "count" then
        tally.count(tonumber(args[1]))
    end
    for id in io.lines(args[3]) do
        table.insert(ids, id)
    end
    local file = assert(io.open(args[4]))
    local note = file:read("*a")
    file:close()
    local first, last = note:find("000000000000", 1, true)
    before, after = note:sub(1, first - 1), note:sub(last + 1)
end

function request()
    sent = sent + 1
    local id = ids[sent % #ids + 1]
    return wrk.format("PUT", wrk.path .. "/" .. id, nil, before .. string.format("%012d", sent) .. after)
end
