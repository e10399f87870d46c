import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LineSink } from './line-sink.ts';
import { createLogger, type LoggerOptions } from './logger.ts';

function createCapture(options: Partial<LoggerOptions> = {}) {
  let text = '';
  const sink = new LineSink({
    destination: {
      atomicBytesMax: 4096,
      write(chunk, done) {
        text += chunk.toString();
        done(null);
      },
    },
  });
  const service = createLogger({ service: 'edge', nodeId: 'e1', destination: sink, ...options });
  return {
    logger: service.logger,
    async lines(): Promise<Record<string, unknown>[]> {
      assert.equal(await service.flush(), true);
      const lines = text.trimEnd().split('\n');
      return lines.map((line) => JSON.parse(line) as Record<string, unknown>);
    },
  };
}

test('a line has the fixed keys first', async () => {
  const capture = createCapture();
  capture.logger.info({ tenantId: 'acme' }, 'ready');
  const [line] = await capture.lines();
  assert.ok(line);
  assert.deepEqual(Object.keys(line), ['level', 'time', 'service', 'nodeId', 'tenantId', 'msg']);
  assert.match(String(line['time']), /^\d{4}-\d\d-\d\dT.*Z$/);
  assert.equal(line['level'], 'info');
  assert.equal(line['msg'], 'ready');
});

test('secrets appear nowhere: fields, children, messages, errors', async () => {
  const capture = createCapture();
  const secret = 'S3CRETS3CRET';
  capture.logger.warn({ req: { headers: { authorization: secret, cookie: secret } } }, 'a');
  capture.logger.child({ token: secret }).warn({ apiKey: secret }, 'b');
  capture.logger.warn(`connect redis://user:${secret}@host failed`);
  const error = Object.assign(new Error(`Bearer ${secret}`), { password: secret });
  capture.logger.error({ err: error }, 'c');
  capture.logger.error(error);
  const lines = await capture.lines();
  assert.equal(lines.length, 5);
  assert.doesNotMatch(JSON.stringify(lines), new RegExp(secret));
});

test('line breaks in fields and messages stay inside their line', async () => {
  const capture = createCapture();
  capture.logger.info({ path: 'a\r\nb' }, 'x\ny');
  const lines = await capture.lines();
  assert.equal(lines.length, 1);
  assert.equal(lines[0]?.['msg'], 'x\ny');
});

test('less severe lines than the level are not written', async () => {
  const capture = createCapture({ level: 'error' });
  capture.logger.warn('no');
  capture.logger.error('yes');
  assert.deepEqual(
    (await capture.lines()).map((line) => line['msg']),
    ['yes'],
  );
});
