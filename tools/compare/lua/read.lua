-- Reads notes by id, one after the other and over again.
--
--     wrk -s read.lua URL -- STATUS count|trust FILE
--
-- FILE holds an id in each line, which is put behind the path of the URL.
local tally = require "tally"

local requests, sent = {}, 0

function init(args)
    if args[2] == "count" then
        tally.count(tonumber(args[1]))
    end
    for id in io.lines(args[3]) do
        table.insert(requests, wrk.format("GET", wrk.path .. "/" .. id))
    end
end

function request()
    sent = sent % #requests + 1
    return requests[sent]
end
