import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseRedisUrl } from './redis-url.ts';

const plain = { tls: null };

test('a server, a cluster and a master behind Sentinels, with their default ports', () => {
  for (const [text, target] of [
    ['redis://cache', { ...plain, host: 'cache', port: 6379 }],
    ['redis://127.0.0.1:7000/', { ...plain, host: '127.0.0.1', port: 7000 }],
    ['redis://[::1]:7000/0', { ...plain, host: '::1', port: 7000 }],
    ['rediss://cache:6380', { tls: {}, host: 'cache', port: 6380 }],
    [
      'redis://app:p%40ss%3Aword@cache',
      { ...plain, username: 'app', password: 'p@ss:word', host: 'cache', port: 6379 },
    ],
    ['redis://:secret@cache', { ...plain, password: 'secret', host: 'cache', port: 6379 }],
    [
      'redis+cluster://a:7000,b,[::1]:7002',
      {
        ...plain,
        nodes: [
          { host: 'a', port: 7000 },
          { host: 'b', port: 6379 },
          { host: '::1', port: 7002 },
        ],
      },
    ],
    [
      'rediss+cluster://app:secret@a:7000',
      { tls: {}, username: 'app', password: 'secret', nodes: [{ host: 'a', port: 7000 }] },
    ],
    [
      'redis+sentinel://:data@a,b:26380/my%20master?sentinelPassword=watch%21',
      {
        ...plain,
        password: 'data',
        sentinels: [
          { host: 'a', port: 26_379 },
          { host: 'b', port: 26_380 },
        ],
        master: 'my master',
        sentinelPassword: 'watch!',
      },
    ],
    [
      'rediss+sentinel://a/mymaster',
      { tls: {}, sentinels: [{ host: 'a', port: 26_379 }], master: 'mymaster' },
    ],
  ] as const) {
    assert.deepEqual(parseRedisUrl(text), { target }, text);
  }
});

test('each fault says the rule, and nothing of what may be a password', () => {
  for (const [text, fault] of [
    ['http://secret@cache', /^must be redis:\/\//],
    ['cache:6379', /^must be redis:\/\//],
    ['redis+proxy://secret@cache', /^must be redis:\/\//],
    ['redis://secret@', /^must be redis:\/\//],
    ['redis://a:sec%ret@cache', /encode % and @/],
    ['redis://cache:0', /^host 1 of 1 must be HOST:PORT/],
    ['redis://cache:65536', /^host 1 of 1 must be HOST:PORT/],
    ['redis+cluster://a:1,,b:2', /^host 2 of 3 must be HOST:PORT/],
    ['redis+cluster://a:1,b:secret', /^host 2 of 2 must be HOST:PORT/],
    ['redis://a:1,b:2', /begin it with redis\+cluster:\/\//],
    ['redis://cache/1', /must not name a database/],
    ['redis+cluster://cache/0', /must not name a database/],
    ['redis+sentinel://a:1,b:2', /must end with the name of the master/],
    ['redis+sentinel://a/mymaster?password=secret', /may have one parameter/],
    ['redis://a?sentinelPassword=secret', /with redis\+sentinel:\/\/ only/],
    [`redis+cluster://${'a,'.repeat(32)}a`, /more than 32 hosts/],
  ] as const) {
    const parsed = parseRedisUrl(text);
    assert.ok('fault' in parsed, text);
    assert.match(parsed.fault, fault, text);
    assert.doesNotMatch(parsed.fault, /secret/, text);
  }
});
