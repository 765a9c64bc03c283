import assert from 'node:assert/strict';
import { test } from 'node:test';
import { describeAsker } from '#proxy/http/asker.ts';

test('who asked is told by address and verified name, and what for without the query', () => {
  const asked = { method: 'GET', authority: 'shop.example.com', path: '/tea?token=x' };
  const directRemoteAddress = '127.0.0.1:40112';
  assert.equal(describeAsker(asked, { directRemoteAddress, peerUriSans: [] }), 'GET shop.example.com/tea from 127.0.0.1:40112');
  assert.equal(
    describeAsker(asked, { directRemoteAddress, peerUriSans: ['spiffe://cluster.local/ns/default/sa/cart'] }),
    'GET shop.example.com/tea from 127.0.0.1:40112 (spiffe://cluster.local/ns/default/sa/cart)',
  );
});
