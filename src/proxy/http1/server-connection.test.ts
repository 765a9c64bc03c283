import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type ServedBytes, serveBytes } from '#test/support/http1-server.ts';

const get = 'GET / HTTP/1.1\r\nHost: a\r\n';
const post = 'POST /p HTTP/1.1\r\nHost: a\r\n';

/** What RFC 9112 and 9110 make of a message: name, bytes, and either the number of requests taken or the status of the refusal. */
const table: readonly (readonly [string, string, number | `${number} requests`])[] = [
  ['plain GET', `${get}\r\n`, '1 requests'],
  ['empty lines before the request line', `\r\n\r\n${get}\r\n`, '1 requests'],
  ['two in one piece', `${get}\r\n${get}\r\n`, '2 requests'],
  ['spaces around a value', `${get}x: \t b \t\r\n\r\n`, '1 requests'],
  ['obs-text in a value', `${get}x: caf\xe9\r\n\r\n`, '1 requests'],
  ['fixed length', `${post}Content-Length: 3\r\n\r\nabc${get}\r\n`, '2 requests'],
  ['chunked', `${post}Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n${get}\r\n`, '2 requests'],
  [
    'chunked, upper case, extension, trailers',
    `${post}Transfer-Encoding: CHUNKED\r\n\r\nA;x="y"\r\n0123456789\r\n0\r\nX-T: 1\r\n\r\n${get}\r\n`,
    '2 requests',
  ],
  ['absolute form', 'GET http://b:81/x?y HTTP/1.1\r\nHost: a\r\n\r\n', '1 requests'],
  ['asterisk form', 'OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n', '1 requests'],
  ['bare LF after the request line', 'GET / HTTP/1.1\nHost: a\r\n\r\n', 400],
  ['bare LF after a field', `${get}x: y\n\r\n`, 400],
  ['bare LF as the empty line', `${get}\n`, 400],
  ['bare CR in a value', `${get}x: a\rb\r\n\r\n`, 400],
  ['bare CR before a name', `${get}\rx: a\r\n\r\n`, 400],
  ['NUL in a value', `${get}x: a\0b\r\n\r\n`, 400],
  ['control byte in a value', `${get}x: a\x01b\r\n\r\n`, 400],
  ['DEL in a value', `${get}x: a\x7f\r\n\r\n`, 400],
  ['folded line', `${get}x: a\r\n b\r\n\r\n`, 400],
  ['folded first line', 'GET / HTTP/1.1\r\n Host: a\r\n\r\n', 400],
  ['space before the colon', `${get}x : a\r\n\r\n`, 400],
  ['tab before the colon', `${get}Content-Length\t: 3\r\n\r\nabc`, 400],
  ['no colon', `${get}x\r\n\r\n`, 400],
  ['empty name', `${get}: a\r\n\r\n`, 400],
  ['bad byte in a name', `${get}x(y: a\r\n\r\n`, 400],
  ['high byte in a name', `${get}x\xe9: a\r\n\r\n`, 400],
  ['no Host', 'GET / HTTP/1.1\r\n\r\n', 400],
  ['empty Host', 'GET / HTTP/1.1\r\nHost:\r\n\r\n', 400],
  ['two Hosts', `${get}Host: a\r\n\r\n`, 400],
  ['Host with a path', 'GET / HTTP/1.1\r\nHost: a/b\r\n\r\n', 400],
  ['Host with user information', 'GET / HTTP/1.1\r\nHost: a@b\r\n\r\n', 400],
  ['Host with a space', 'GET / HTTP/1.1\r\nHost: a b\r\n\r\n', 400],
  ['unknown method', 'BREW / HTTP/1.1\r\nHost: a\r\n\r\n', 400],
  ['lower-case method', 'get / HTTP/1.1\r\nHost: a\r\n\r\n', 400],
  ['two spaces in the request line', 'GET  / HTTP/1.1\r\nHost: a\r\n\r\n', 400],
  ['tab in the request line', 'GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n', 400],
  ['space in the target', 'GET /a b HTTP/1.1\r\nHost: a\r\n\r\n', 400],
  ['high byte in the target', 'GET /\xe9 HTTP/1.1\r\nHost: a\r\n\r\n', 400],
  ['fragment in the target', 'GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n', 400],
  ['relative target', 'GET a HTTP/1.1\r\nHost: a\r\n\r\n', 400],
  ['asterisk for GET', 'GET * HTTP/1.1\r\nHost: a\r\n\r\n', 400],
  ['foreign scheme', 'GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n', 400],
  ['absolute form without host', 'GET http:///x HTTP/1.1\r\nHost: a\r\n\r\n', 400],
  ['no version', 'GET /\r\nHost: a\r\n\r\n', 400],
  ['HTTP/1.2', 'GET / HTTP/1.2\r\nHost: a\r\n\r\n', 400],
  ['HTTP/2.0', 'GET / HTTP/2.0\r\nHost: a\r\n\r\n', 400],
  ['http/1.1', 'GET / http/1.1\r\nHost: a\r\n\r\n', 400],
  ['HTTP/1.0 where it is not accepted', 'GET / HTTP/1.0\r\nHost: a\r\n\r\n', 426],
  ['two lengths that differ', `${post}Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd`, 400],
  ['two lengths that agree', `${post}Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc`, 400],
  ['a list of lengths', `${post}Content-Length: 3, 3\r\n\r\nabc`, 400],
  ['a signed length', `${post}Content-Length: +3\r\n\r\nabc`, 400],
  ['a negative length', `${post}Content-Length: -1\r\n\r\n`, 400],
  ['a hexadecimal length', `${post}Content-Length: 0x3\r\n\r\nabc`, 400],
  ['an empty length', `${post}Content-Length:\r\n\r\n`, 400],
  ['a length beyond all numbers', `${post}Content-Length: 99999999999999999999\r\n\r\n`, 400],
  ['length and chunked', `${post}Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`, 400],
  ['chunked and length', `${post}Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n`, 400],
  ['unknown coding', `${post}Transfer-Encoding: zip\r\n\r\n`, 501],
  ['identity', `${post}Transfer-Encoding: identity\r\n\r\n`, 501],
  ['chunked twice', `${post}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`, 501],
  ['chunked not last', `${post}Transfer-Encoding: chunked, gzip\r\n\r\n`, 501],
  ['chunked behind another', `${post}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n`, 501],
  ['a vertical tab around the coding', `${post}Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n`, 400],
  ['a quoted coding', `${post}Transfer-Encoding: "chunked"\r\n\r\n0\r\n\r\n`, 501],
  ['a head that is too long', `${get}x: ${'y'.repeat(5000)}\r\n\r\n`, 431],
  ['too many fields', `${get}${'x: y\r\n'.repeat(30)}\r\n`, 431],
  ['TLS on a plain port', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', 400],
];

/** Chunk coding gone wrong: the request has begun, so it is reset and the connection closed. */
const badChunks: readonly (readonly [string, string])[] = [
  ['no size', '\r\nabc\r\n0\r\n\r\n'],
  ['bad size', 'g\r\nabc\r\n0\r\n\r\n'],
  ['size with 0x', '0x3\r\nabc\r\n0\r\n\r\n'],
  ['size with a sign', '+3\r\nabc\r\n0\r\n\r\n'],
  ['size with a space before', ' 3\r\nabc\r\n0\r\n\r\n'],
  ['size with a space behind', '3 \r\nabc\r\n0\r\n\r\n'],
  ['size beyond all numbers', 'ffffffffffffffffff\r\nabc\r\n0\r\n\r\n'],
  ['bare LF behind the size', '3\nabc\r\n0\r\n\r\n'],
  ['bare CR behind the size', '3\rabc\r\n0\r\n\r\n'],
  ['bare LF in an extension', '3;a\nb\r\nabc\r\n0\r\n\r\n'],
  ['an endless extension', `3;${'a'.repeat(5000)}\r\nabc\r\n0\r\n\r\n`],
  ['no CRLF behind the data', '3\r\nabc0\r\n\r\n'],
  ['bare LF behind the data', '3\r\nabc\n0\r\n\r\n'],
  ['more data than the size says', '3\r\nabcd\r\n0\r\n\r\n'],
  ['bare LF in the trailers', '0\r\nx: y\n\r\n'],
  ['a folded trailer', '0\r\nx: y\r\n z\r\n\r\n'],
  ['a length among the trailers', '0\r\ncontent-length: 3\r\n\r\n'],
  ['a coding among the trailers', '0\r\ntransfer-encoding: chunked\r\n\r\n'],
  ['endless trailers', `0\r\nx: ${'y'.repeat(5000)}\r\n\r\n`],
];

test('messages are taken or refused as RFC 9112 says', () => {
  for (const [name, bytes, expected] of table) {
    const { requests, written, closed } = serveBytes([bytes]);
    if (typeof expected === 'number') {
      assert.equal(requests[0]?.outcome, `refused ${expected}`, name);
      assert.match(written, new RegExp(`^HTTP/1.1 ${expected} `), name);
      assert.match(written, /connection: close/, name);
      assert.ok(closed, `${name}: the connection stays open`);
    } else {
      assert.equal(`${requests.filter(({ outcome }) => outcome === 'ended').length} requests`, expected, name);
      assert.ok(!closed, `${name}: the connection was closed`);
    }
  }
});

test('a broken chunk coding resets the request and closes the connection; nothing behind it is read', () => {
  for (const [name, body] of badChunks) {
    const { requests, closed } = serveBytes([`${post}Transfer-Encoding: chunked\r\n\r\n${body}${get}\r\n`]);
    assert.equal(requests.length, 1, name);
    assert.equal(requests[0]?.outcome, 'reset protocol-error', name);
    assert.ok(closed, name);
  }
});

test('the outcome does not depend on where the bytes are cut', () => {
  for (const bytes of everyMessage()) {
    const whole = summary(serveBytes([bytes]));
    // A cut in every place for what is short enough, and one byte at a time.
    for (let cut = 1; cut < Math.min(bytes.length, 400); cut++) {
      assert.deepEqual(summary(serveBytes([bytes.slice(0, cut), bytes.slice(cut)])), whole, `cut at ${cut}: ${JSON.stringify(bytes)}`);
    }
    assert.deepEqual(summary(serveBytes(bytes.split(''))), whole, `byte by byte: ${JSON.stringify(bytes)}`);
  }
});

test('pipelined messages in random pieces give what they give in one', () => {
  const messages = fc.array(fc.constantFrom(...everyMessage().filter((bytes) => bytes.length < 300)), { minLength: 1, maxLength: 6 });
  fc.assert(
    fc.property(messages, fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1 }), (list, sizes) => {
      const bytes = list.join('');
      assert.deepEqual(summary(serveBytes(inPieces(bytes, sizes))), summary(serveBytes([bytes])));
    }),
    { numRuns: 500 },
  );
});

test('bytes at random never throw, and each request has one end', () => {
  const piece = fc.constantFrom(
    'GET ',
    '/ ',
    'HTTP/1.1',
    '\r\n',
    '\n',
    '\r',
    ' ',
    ':',
    'Host: a',
    'Content-Length: 2',
    'Transfer-Encoding: chunked',
    '0',
    'ab',
    '\0',
    '\xff',
    'POST ',
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 40 }), (pieces) => {
      const { requests, closed } = serveBytes(pieces);
      for (const [index, { outcome }] of requests.entries()) if (index < requests.length - 1) assert.equal(outcome, 'ended');
      if (requests.some(({ outcome }) => outcome.startsWith('re'))) assert.ok(closed);
    }),
    { numRuns: 3000 },
  );
});

test('fields of one hop stay behind, and so does what connection names', () => {
  const { requests } = serveBytes([
    `${get}Connection: keep-alive, X-One\r\nKeep-Alive: 5\r\nX-One: 1\r\nX-Two: 2\r\nTE: trailers\r\nProxy-Connection: x\r\n\r\n`,
  ]);
  assert.deepEqual(requests[0]?.headers, ['x-two', '2', 'te', 'trailers']);
});

test('an upgrade is asked for only with its connection option; to h2c it is ignored', () => {
  assert.deepEqual(serveBytes([`${get}Upgrade: websocket\r\n\r\n`]).requests[0]?.outcome, 'ended');
  const asked = serveBytes([`${get}Upgrade: websocket\r\nConnection: Upgrade\r\n\r\n`]).requests[0];
  assert.deepEqual([asked?.headers, asked?.outcome], [['upgrade', 'websocket'], 'open']);
  const h2c = serveBytes([`${get}Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: x\r\n\r\n`]).requests[0];
  assert.deepEqual([h2c?.headers, h2c?.outcome], [[], 'ended']);
});

test('an upgrade that is not on leaves no field behind, however often connection names it', () => {
  for (const option of ['upgrade', 'upgrade, upgrade', 'upgrade, X-One, UPGRADE']) {
    const asked = serveBytes([`${get}Upgrade: websocket\r\nConnection: ${option}\r\n\r\n`]).requests[0];
    assert.deepEqual([asked?.headers, asked?.outcome], [['upgrade', 'websocket'], 'open']);
    // The field would make the body a tunnel's bytes upstream, and what stands in it a request of its own.
    const withBody = `${post}Upgrade: websocket\r\nConnection: ${option}\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n`;
    assert.deepEqual(serveBytes([withBody]).requests[0]?.headers, []);
    const named = serveBytes([`${post}Upgrade: upgrade\r\nConnection: ${option}\r\nContent-Length: 3\r\n\r\nabc`]).requests[0];
    assert.deepEqual(named?.headers, ['content-length', '3']);
  }
});

test('HTTP/1.0 closes unless it asks to be kept, and is told so', () => {
  const closing = serveBytes(['GET / HTTP/1.0\r\nHost: a\r\n\r\n'], true);
  assert.ok(closing.closed);
  const kept = serveBytes(['GET / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n'], true);
  assert.match(kept.written, /connection: keep-alive/);
  assert.ok(!kept.closed);
  assert.equal(serveBytes(['POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'], true).requests[0]?.outcome, 'refused 400');
});

test('connection: close is the last request on its connection', () => {
  const { requests, closed } = serveBytes([`${get}Connection: close\r\n\r\n${get}\r\n`]);
  assert.equal(requests.length, 1);
  assert.ok(closed);
});

function everyMessage(): readonly string[] {
  return [...table.map(([, bytes]) => bytes), ...badChunks.map(([, body]) => `${post}Transfer-Encoding: chunked\r\n\r\n${body}`)];
}

/** All that a peer or a handler can tell, but for data of a request that was broken off, of which more or less may have come through. */
function summary({ requests, written, closed }: ServedBytes): unknown {
  return { requests: requests.map((seen) => (seen.outcome === 'ended' ? seen : seen.outcome)), written, closed };
}

function inPieces(bytes: string, sizes: readonly number[]): readonly string[] {
  const pieces: string[] = [];
  for (let at = 0, turn = 0; at < bytes.length; turn++) {
    const size = sizes[turn % sizes.length] ?? 1;
    pieces.push(bytes.slice(at, at + size));
    at += size;
  }
  return pieces;
}
