-- Reads the same path over and over.
--
--     wrk -s page.lua URL -- STATUS count|trust
local tally = require "tally"

function init(args)
    if args[2] == "count" then
        tally.count(tonumber(args[1]))
    end
    wrk.init_done = wrk.format("GET")
end

function request()
    return wrk.init_done
end
