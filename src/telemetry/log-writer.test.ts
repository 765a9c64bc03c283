import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { create } from '@bufbuild/protobuf';
import { anyPack } from '@bufbuild/protobuf/wkt';
import { systemClock } from '#base/clock.ts';
import { AccessLogSchema } from '#envoy/gen/envoy/config/accesslog/v3/accesslog_pb.js';
import { FileAccessLogSchema } from '#envoy/gen/envoy/extensions/access_loggers/file/v3/file_pb.js';
import { compileAccessLogs } from '#telemetry/access-log-config.ts';
import { newAccessRecord } from '#telemetry/access-record.ts';
import { LogWriter } from '#telemetry/log-writer.ts';

function inFolder(run: (folder: string) => Promise<void> | void): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'heddle-log-'));
  return Promise.resolve(run(folder)).finally(() => rmSync(folder, { recursive: true }));
}

test('lines arrive in order, whole, and the file is appended to', () =>
  inFolder(async (folder) => {
    const path = join(folder, 'access.log');
    for (const round of [0, 1]) {
      const writer = LogWriter.open(path, systemClock);
      assert.ok(writer.ok);
      for (let line = 0; line < 5000; line++) writer.value.write(`${round} ${line} ${'x'.repeat(60)}\n`);
      await writer.value.flush();
      writer.value.write(`${round} last\n`);
      writer.value.close();
    }
    const lines = readFileSync(path, 'utf8').trimEnd().split('\n');
    assert.equal(lines.length, 10_002);
    assert.ok(lines[4999]?.startsWith('0 4999 '));
    assert.equal(lines[5000], '0 last');
    assert.equal(lines.at(-1), '1 last');
  }));

test('a folder that is not there is an error that names the path', () => {
  const writer = LogWriter.open('/nowhere/at/all.log', systemClock);
  assert.ok(!writer.ok && writer.error.includes('/nowhere/at/all.log'));
});

test('an access_log list opens each path once and honours its filters', () =>
  inFolder(async (folder) => {
    const path = join(folder, 'access.log');
    const opened: LogWriter[] = [];
    const message = (format: string, flags?: readonly string[]) =>
      create(AccessLogSchema, {
        ...(flags === undefined ? {} : { filter: { filterSpecifier: { case: 'responseFlagFilter', value: { flags: [...flags] } } } }),
        configType: {
          case: 'typedConfig',
          value: anyPack(FileAccessLogSchema, create(FileAccessLogSchema, { path, accessLogFormat: { case: 'format', value: format } })),
        },
      });
    const log = compileAccessLogs([message('all %RESPONSE_CODE%\n'), message('flagged %RESPONSE_FLAGS%\n', ['NR'])], {
      open: (at) => {
        const writer = opened[0] === undefined ? LogWriter.open(at, systemClock) : { ok: true as const, value: opened[0] };
        if (writer.ok) opened[0] = writer.value;
        return writer;
      },
    });
    assert.ok(log.ok && log.value !== undefined);
    const record = newAccessRecord(
      {
        id: 1,
        localAddress: '',
        localIp: '',
        localPort: 0,
        directRemoteAddress: '',
        directRemoteIp: '',
        directRemotePort: 0,
        serverName: '',
        tlsVersion: '',
        tlsCipher: '',
        peerUriSans: [],
        localUriSans: [],
        peerSubject: '',
        peerOtherNames: '',
      },
      0,
    );
    log.value.write({ ...record, responseCode: 200 });
    log.value.write({ ...record, responseCode: 404, responseFlags: 'NR' });
    opened[0]?.close();
    assert.equal(readFileSync(path, 'utf8'), 'all 200\nall 404\nflagged NR\n');
  }));

test('an access log that is not known is named', () => {
  const message = create(AccessLogSchema, {
    configType: { case: 'typedConfig', value: { typeUrl: 'type.googleapis.com/x.Y', value: new Uint8Array() } },
  });
  assert.deepEqual(compileAccessLogs([message], { open: () => assert.fail('opened') }), {
    ok: false,
    error: 'access_log[0]: typed_config of type type.googleapis.com/x.Y is not supported',
  });
});
