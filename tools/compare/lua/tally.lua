-- What a run tells at its end: one line of JSON, for the tool that started wrk.
-- With `tally.count` every answer must have the status that is expected. That costs
-- the load generator time, so it is left out where servers answer faster than it
-- counts; what wrk itself sees is told always: statuses of 400 and more, broken
-- connections and timeouts.
local tally = {}

local threads = {}

function setup(thread)
    table.insert(threads, thread)
end

-- Called in a thread of wrk, whose globals are read below, when all is over.
function tally.count(status)
    expected, unexpected, example = 0, 0, 0
    response = function(answered)
        if answered == status then
            expected = expected + 1
        else
            unexpected = unexpected + 1
            example = answered
        end
    end
end

local function sum(name)
    local total = 0
    for _, thread in ipairs(threads) do
        total = total + (thread:get(name) or 0)
    end
    return total
end

function done(summary, latency, requests)
    local errors = summary.errors
    io.write(string.format(
        '{"requests":%d,"duration_us":%d,"p50_us":%.0f,"p99_us":%.0f,' ..
        '"expected":%d,"unexpected":%d,"example":%d,' ..
        '"refused":%d,"connect":%d,"read":%d,"write":%d,"timeout":%d}\n',
        summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
        sum("expected"), sum("unexpected"), threads[1]:get("example") or 0,
        errors.status, errors.connect, errors.read, errors.write, errors.timeout))
end

return tally
