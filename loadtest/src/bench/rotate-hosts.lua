-- Script of wrk: sends the same GET with another Host each time, in turn. The first argument is a file with one host a
-- line, the second the path. Requests are built before the start, so that one costs a table look-up here.

local requests = {}
local count = 0
local at = 0

function init(args)
  for host in io.lines(args[1]) do
    count = count + 1
    requests[count] = table.concat({
      "GET ", args[2], " HTTP/1.1\r\n",
      "Host: ", host, "\r\n",
      "User-Agent: wrk\r\n",
      "Accept: application/json\r\n",
      "\r\n",
    })
  end
end

function request()
  at = at % count + 1
  return requests[at]
end

function done(summary, latency)
  io.write(string.format(
    'headgate-bench {"requests":%d,"durationUs":%d,"p50Us":%d,"p99Us":%d,' ..
      '"connect":%d,"read":%d,"write":%d,"timeout":%d,"status":%d}\n',
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
    summary.errors.connect, summary.errors.read, summary.errors.write,
    summary.errors.timeout, summary.errors.status
  ))
end
