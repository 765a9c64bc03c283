import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createPrivateKey } from 'node:crypto';
import { test } from 'node:test';
import { makeCertificateRequest, readKeyType } from '#ca/client/csr.ts';
import { encode, encodeInteger, encodeOid } from '#ca/client/der.ts';

for (const [type, expected] of [
  ['ecdsa', /Public Key Algorithm: id-ecPublicKey[\s\S]*prime256v1[\s\S]*ecdsa-with-SHA256/],
  [{ rsaBits: 3072 }, /Public-Key: \(3072 bit\)[\s\S]*sha256WithRSAEncryption/],
] as const) {
  test(`openssl reads a request with a key of ${JSON.stringify(type)}, and verifies its signature`, async () => {
    const { csr, key } = await makeCertificateRequest(type);
    const text = execFileSync('openssl', ['req', '-verify', '-noout', '-text'], { input: csr, stdio: 'pipe' }).toString();
    assert.match(text, expected);
    assert.match(text, /Subject:\s*\n/);
    const own = createPrivateKey(key.reveal());
    const shown = execFileSync('openssl', ['req', '-noout', '-pubkey'], { input: csr, stdio: 'pipe' }).toString();
    assert.equal(shown, execFileSync('openssl', ['pkey', '-pubout'], { input: own.export({ format: 'pem', type: 'pkcs8' }) }).toString());
    assert.equal(String(key), '[redacted]');
  });
}

test('keys are ECDSA unless WORKLOAD_RSA_KEY_SIZE asks for RSA, of sizes that are safe', () => {
  assert.deepEqual(readKeyType({}), { ok: true, value: 'ecdsa' });
  assert.deepEqual(readKeyType({ WORKLOAD_RSA_KEY_SIZE: '4096' }), { ok: true, value: { rsaBits: 4096 } });
  for (const size of ['1024', '2047', 'many']) {
    assert.deepEqual(readKeyType({ WORKLOAD_RSA_KEY_SIZE: size }), { ok: false, error: `WORKLOAD_RSA_KEY_SIZE ${size} is none of 2048, 3072, 4096` });
  }
});

test('lengths, numbers and object identifiers are in their shortest form', () => {
  assert.equal(encode(0x30).toString('hex'), '3000');
  assert.equal(encode(0x04, Buffer.alloc(127)).subarray(0, 2).toString('hex'), '047f');
  assert.equal(encode(0x04, Buffer.alloc(128)).subarray(0, 3).toString('hex'), '048180');
  assert.equal(encode(0x04, Buffer.alloc(65_536)).subarray(0, 5).toString('hex'), '0483010000');
  assert.deepEqual(
    [0, 127, 128, 256].map((value) => encodeInteger(value).toString('hex')),
    ['020100', '02017f', '02020080', '02020100'],
  );
  assert.equal(encodeOid('1.2.840.113549.1.1.11').toString('hex'), '06092a864886f70d01010b');
  assert.equal(encodeOid('1.2.840.10045.4.3.2').toString('hex'), '06082a8648ce3d040302');
});
