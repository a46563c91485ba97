-- The requests of one wrk run. compare.py says by the environment what to send:
--   BENCH_KIND     list, single or insert
--   BENCH_ROWS     ids of `single` are drawn from 1 to this number
--   BENCH_TARGETS  file with one tenant a line: path prefix, tenant key, token, with tabs between

local kind = os.getenv("BENCH_KIND")
local rows = tonumber(os.getenv("BENCH_ROWS"))
local body = '{"name":"Kopi Toraja 250 g","price":"15000.00","stock":12,"description":"Sangrai sedang"}'

local function format(prefix, key, token)
    -- One name for both servers, because it is part of the body of a list.
    local headers = { ["Host"] = "localhost" }
    if key ~= "" then
        headers["X-Tenant-API-Key"] = key
        headers["Authorization"] = "Bearer " .. token
    end
    if kind == "insert" then
        headers["Content-Type"] = "application/json"
        return "POST", prefix .. "/api/products", headers, body
    elseif kind == "single" then
        return "GET", prefix .. "/api/products/@", headers
    end
    return "GET", prefix .. "/api/products?per_page=20", headers
end

local targets = {}
for line in io.lines(os.getenv("BENCH_TARGETS")) do
    table.insert(targets, { line:match("^(.-)\t(.-)\t(.-)$") })
end

if #targets == 1 and kind ~= "single" then
    -- Without a request function wrk repeats one text and never enters Lua.
    wrk.method, wrk.path, wrk.headers, wrk.body = format(unpack(targets[1]))
else
    local heads, tails = {}, {}

    -- The texts are made before the clock runs: wrk.format would cost more than some answers.
    function init()
        -- Both servers are asked for the same rows in the same order.
        math.randomseed(1)
        for i, target in ipairs(targets) do
            local text = wrk.format(format(unpack(target)))
            local head, tail = text:match("^(GET [^@ ]*)@(.*)$")
            heads[i], tails[i] = head or text, tail or ""
        end
    end

    function request()
        local i = math.random(#heads)
        if kind == "single" then
            return heads[i] .. math.random(rows) .. tails[i]
        end
        return heads[i]
    end
end

function done(summary, latency)
    local errors = summary.errors
    io.write(string.format(
        'RESULT {"requests":%d,"microseconds":%d,"p50_us":%d,"p99_us":%d,"status":%d,"connect":%d,"read":%d,"write":%d,"timeout":%d}\n',
        summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
        errors.status, errors.connect, errors.read, errors.write, errors.timeout))
end
