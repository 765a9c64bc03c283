import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readTarget, urlInPod } from '#app/load/load-target.ts';

void test('a URL, a path and a Service are told apart', () => {
  assert.deepEqual(readTarget('http://127.0.0.1:80/a?b#c'), { kind: 'url', url: 'http://127.0.0.1/a?b' });
  assert.deepEqual(readTarget('HTTPS://shop.test:8443'), { kind: 'url', url: 'https://shop.test:8443/' });
  assert.deepEqual(readTarget('/a b'), undefined);
  assert.deepEqual(readTarget('/productpage?u=x'), { kind: 'path', path: '/productpage?u=x' });
  assert.deepEqual(readTarget('reviews'), { kind: 'service', name: 'reviews', path: '' });
  assert.deepEqual(readTarget('reviews.shop:9080/r/0'), { kind: 'service', name: 'reviews', namespace: 'shop', port: 9080, path: '/r/0' });
  assert.deepEqual(readTarget('reviews.shop.svc.cluster.local'), { kind: 'service', name: 'reviews', namespace: 'shop', path: '' });
});

void test('what is none of them is none, credentials in a URL too', () => {
  for (const word of ['', 'ftp://a/', 'http://', 'http://user:word@a/', 'Reviews', 'a b', '-reviews', 'reviews:99999999', 'a.b.c.d'])
    assert.equal(readTarget(word), undefined, word);
});

void test('a pod asks a Service by its name, or in loopback mode by what its variables say', () => {
  const service = { name: 'my-reviews', namespace: 'shop', port: 9080, path: '/r' };
  assert.deepEqual(urlInPod(service, 'shop', {}), { url: 'http://my-reviews:9080/r', host: 'my-reviews:9080' });
  assert.deepEqual(urlInPod({ ...service, port: 80 }, 'web', {}), { url: 'http://my-reviews.shop/r', host: 'my-reviews.shop' });
  const variables = { MY_REVIEWS_PORT_9080_TCP_ADDR: '127.0.0.1', MY_REVIEWS_PORT_9080_TCP_PORT: '20011', http_proxy: 'http://127.0.0.1:20001' };
  assert.deepEqual(urlInPod(service, 'shop', variables), { url: 'http://127.0.0.1:20011/r', host: 'my-reviews:9080' });
  const elsewhere = { url: 'http://my-reviews.shop:9080/r', host: 'my-reviews.shop:9080', proxy: 'http://127.0.0.1:20001' };
  assert.deepEqual(urlInPod(service, 'web', variables), elsewhere, 'variables are of the own namespace');
});
