-- Reads pages of a list, each as likely as any other.
--
--     wrk -s page.lua URL -- STATUS count|trust FILE
--
-- FILE holds the query of a page in each line, which is put behind the URL.
local tally = require "tally"

local requests = {}

function init(args)
    if args[2] == "count" then
        tally.count(tonumber(args[1]))
    end
    for query in io.lines(args[3]) do
        table.insert(requests, wrk.format("GET", wrk.path .. "?" .. query))
    end
end

function request()
    return requests[math.random(#requests)]
end
