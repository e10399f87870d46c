-- Script of wrk: sends the same GET with another Host each time, in turn. The arguments: a file with one host a line; the
-- path; further header lines, or nothing; "denials" if 429 is no failure, which is then counted, at the cost of a call
-- for each answer. Requests are built before the start, so that one costs a table look-up here.

local requests = {}
local count = 0
local at = 0
local threads = {}
denied = 0 -- global: of a thread's Lua state, which done() reads

function setup(thread)
  threads[#threads + 1] = thread
end

function init(args)
  if args[4] == "denials" then
    response = function(status)
      if status == 429 then denied = denied + 1 end
    end
  end
  for host in io.lines(args[1]) do
    count = count + 1
    requests[count] = table.concat({
      "GET ", args[2], " HTTP/1.1\r\n",
      "Host: ", host, "\r\n",
      "User-Agent: wrk\r\n",
      "Accept: application/json\r\n",
      args[3],
      "\r\n",
    })
  end
end

function request()
  at = at % count + 1
  return requests[at]
end

function done(summary, latency)
  local denials = 0
  for _, thread in ipairs(threads) do denials = denials + thread:get("denied") end
  io.write(string.format(
    'headgate-bench {"requests":%d,"durationUs":%d,"p50Us":%d,"p99Us":%d,' ..
      '"connect":%d,"read":%d,"write":%d,"timeout":%d,"status":%d,"denied":%d}\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
    summary.errors.connect, summary.errors.read, summary.errors.write,
    summary.errors.timeout, summary.errors.status, denials
  ))
end
