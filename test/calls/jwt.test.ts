// The JWT filter of both data planes against each other: random providers, random tokens; status, challenge, body, and what the service would get must
// be equal. The seed is in the title of a failure.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { JsonObject } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { seenFields, withJwtListeners } from '#test/calls/jwt-stage.ts';
import type { DataPlane } from '#test/calls/live-proxy.ts';
import { type JwtRequest, jwtAuthentication, jwtRequest } from '#test/calls/random-jwt.ts';
import { KeptCalls } from '#test/support/both-planes.ts';
import { envoyTest } from '#test/support/envoy.ts';
import type { HttpAnswer } from '#test/support/http-call.ts';

const seed = Number(process.env['HEDDLE_SEED'] ?? 20_260_501);
const requestsEach = 25;
const configurations = Number(process.env['HEDDLE_JWT_CONFIGURATIONS'] ?? 24);

type Run = { readonly configs: readonly JsonObject[]; readonly requests: readonly JwtRequest[] };

/** Made when they are wanted and not when this file is read: tokens age, and other files may have their turn for minutes first. */
const randomRun = (): Run => ({
  configs: fc.sample(jwtAuthentication, { seed, numRuns: configurations }),
  requests: fc.sample(jwtRequest, { seed, numRuns: configurations * requestsEach }),
});

envoyTest(`random tokens: the embedded proxy answers as Envoy does (seed ${seed})`, async (binary) => {
  const run = randomRun();
  const { configs, requests } = run;
  const [embedded, envoy] = [await answersOf({ kind: 'embedded' }, run), await answersOf({ kind: 'envoy', binary }, run)];
  const met = new Map<number, number>();
  for (const [index, answer] of envoy.entries()) {
    const config = configs[Math.floor(index / requestsEach)];
    const why = `seed ${seed}: ${JSON.stringify(requests[index])} with ${JSON.stringify(config, (key, value: unknown) => (key === 'local_jwks' ? '' : value))}`;
    assert.equal(JSON.stringify(embedded[index]), JSON.stringify(answer), why);
    met.set(answer.status, (met.get(answer.status) ?? 0) + 1);
  }
  // Random data that is always refused would prove nothing.
  const often = (status: number): number => (met.get(status) ?? 0) / envoy.length;
  assert.ok(often(200) > 0.2 && often(401) > 0.2 && often(403) > 0.005, JSON.stringify([...met]));
});

type Told = {
  readonly status: number;
  readonly challenge: string | undefined;
  readonly body: string;
  readonly seen: readonly (string | undefined)[];
};

async function answersOf(plane: DataPlane, { configs, requests }: Run): Promise<readonly Told[]> {
  const answers: Told[] = [];
  await withJwtListeners(plane, configs, async (index, port) => {
    using calls = new KeptCalls(port);
    for (const { path, headers, method } of requests.slice(index * requestsEach, (index + 1) * requestsEach)) {
      answers.push(told(await calls.get(path, { host: 'shop.example', ...headers }, method)));
    }
  });
  return answers;
}

function told({ status, headers, body }: HttpAnswer): Told {
  // %REQ()% of a field that is there twice is the first for Envoy, both for the embedded proxy.
  const seen = seenFields.map((name) => headers[`seen-${name.replace(':', '')}`]?.split(',')[0]);
  return { status, challenge: headers['www-authenticate'], body, seen: status === 200 ? seen : [] };
}

test('the requests of the random run hold tokens in all places', () => {
  const { requests } = randomRun();
  for (const name of ['authorization', 'x-token', 'cookie'])
    assert.ok(
      requests.some(({ headers }) => headers[name] !== undefined),
      name,
    );
});
