// Bodies that no memory could hold, up and down through the embedded proxy over HTTP/1.1 and HTTP/2: every byte arrives, and the proxy stays small.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import { type ClientHttp2Session, connect as connectHttp2 } from 'node:http2';
import type { Readable, Writable } from 'node:stream';
import { test } from 'node:test';
import { bootstrap, cluster, httpChain, listener, type Part, upstreamProtocol } from '#test/support/bootstrap-parts.ts';
import { freePort } from '#test/support/free-port.ts';
import { isOpen } from '#test/support/port-open.ts';
import { startHttp1Backend, startHttp2Backend } from '#test/support/protocol-backends.ts';
import { startHeddle } from '#test/support/start-process.ts';
import { temporaryFolder } from '#test/support/temporary-folder.ts';

/** Each way and each pair of versions: more than the proxy may grow by; the whole is 1 GB. */
const sizeBytes = 128 * 1024 * 1024;
const block = Buffer.alloc(256 * 1024, 'u');

/** Above what the proxy has with small bodies: buffers of sockets and garbage that is not collected yet, but not one body. */
const grownMegabytes = 110;

function residentMegabytes(pid: number): number {
  const pages = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return Number(pages) / 1024;
}

/** Writes so many bytes, as fast as they are taken. */
function pour(into: Writable, size: number): void {
  let left = size;
  const more = (): void => {
    while (left > 0) {
      const part = left < block.length ? block.subarray(0, left) : block;
      left -= part.length;
      if (!into.write(part)) {
        into.once('drain', more);
        return;
      }
    }
    into.end();
  };
  more();
}

async function countBytes(from: Readable): Promise<number> {
  let count = 0;
  for await (const part of from) count += (part as Buffer).length; // no encoding is set
  return count;
}

function upOverHttp1(port: number, path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const outgoing = httpRequest({ host: '127.0.0.1', port, path, method: 'POST', agent: false }, (answer) => {
      let text = '';
      answer.setEncoding('utf8').on('data', (part: string) => (text += part));
      answer.on('end', () => resolve(text));
    });
    outgoing.on('error', reject);
    pour(outgoing, sizeBytes);
  });
}

function downOverHttp1(port: number, path: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const outgoing = httpRequest({ host: '127.0.0.1', port, path, agent: false }, (answer) => resolve(countBytes(answer)));
    outgoing.on('error', reject);
    outgoing.end();
  });
}

async function upOverHttp2(session: ClientHttp2Session, path: string): Promise<string> {
  const stream = session.request({ ':method': 'POST', ':path': path }, { endStream: false });
  let text = '';
  stream.setEncoding('utf8').on('data', (part: string) => (text += part));
  const ended = new Promise((resolve, reject) => stream.on('end', resolve).on('error', reject));
  pour(stream, sizeBytes);
  await ended;
  return text;
}

void test('bodies of 128 MB pass both ways in every pair of versions at constant memory', async () => {
  await using folder = await temporaryFolder();
  await using http1 = await startHttp1Backend();
  await using http2 = await startHttp2Backend();
  const port = await freePort();
  const to = (prefix: string, name: string): Part => ({
    match: { prefix },
    route: { cluster: name, timeout: '0s', retry_policy: { retry_on: '5xx' } },
  });
  const chain = httpChain([to('/h1', 'http1'), to('/h2', 'http2')]);
  const clusters = [cluster('http1', http1.port), cluster('http2', http2.port, upstreamProtocol('http2'))];
  const file = await folder.write('bootstrap.json', JSON.stringify(bootstrap([listener('http', port, [chain])], clusters)));
  await using proxy = await startHeddle(['proxy', '-c', file], { ready: () => isOpen(port) });
  const session = connectHttp2(`http://127.0.0.1:${port}`);
  session.on('error', () => {});
  try {
    const small = `?size=100000`;
    for (const side of ['/h1', '/h2']) {
      await downOverHttp1(port, `${side}/bytes${small}`);
      await countBytes(session.request({ ':path': `${side}/bytes${small}` }));
    }
    const before = residentMegabytes(proxy.pid);
    let most = before;
    const look = (): void => void (most = Math.max(most, residentMegabytes(proxy.pid)));
    for (const side of ['/h1', '/h2']) {
      const path = `${side}/bytes?size=${sizeBytes}`;
      assert.equal(await downOverHttp1(port, path), sizeBytes);
      look();
      assert.equal(await upOverHttp1(port, `${side}/count`), String(sizeBytes));
      look();
      assert.equal(await countBytes(session.request({ ':path': path })), sizeBytes);
      look();
      assert.equal(await upOverHttp2(session, `${side}/count`), String(sizeBytes));
      look();
    }
    assert.ok(most - before < grownMegabytes, `the proxy grew from ${Math.round(before)} MB to ${Math.round(most)} MB`);
  } finally {
    session.destroy();
  }
});
