// A policy that was saved half written: a field that nothing follows yet is a mistake, and closes. Left out, it would be a wider policy than was meant.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readText } from '#api/read-text.ts';

const policy = (kind: string, spec: string): string => `apiVersion: security.istio.io/v1\nkind: ${kind}\nmetadata: { name: x }\nspec:\n${spec}\n`;

test('an allow that does not say whom yet allows nobody', () => {
  const whole = policy(
    'AuthorizationPolicy',
    `  selector:
    matchLabels:
      app: pay
  action: ALLOW
  rules:
    - from:
        - source:
            principals:
              - cluster.local/ns/shop/sa/cart
      to:
        - operation:
            methods:
              - GET
      when:
        - key: source.ip
          values:
            - 10.0.0.1`,
  );
  const lines = whole.split('\n').slice(0, -1);
  assert.ok(readText('x.yaml', whole).items[0]?.resource);
  // Each line that ends an item is a policy of its own; whatever else the text is cut at must not be one that lets in.
  const complete = [/^ {6}app: pay$/, /cluster.local/, /- GET$/, /- 10.0.0.1$/];
  for (let count = 5; count < lines.length; count++) {
    const text = `${lines.slice(0, count).join('\n')}\n`;
    const [item] = readText('x.yaml', text).items;
    const isCompleteItem = complete.some((one) => one.test(lines[count - 1] ?? '')) && /rules:/.test(text);
    if (isCompleteItem) continue;
    if (item?.resource !== undefined) {
      // Without rules it lets in nobody.
      assert.ok(item.resource.kind === 'AuthorizationPolicy' && (item.resource.spec.rules ?? []).length === 0, text);
      continue;
    }
    assert.ok(item?.standIn?.kind === 'AuthorizationPolicy', text);
    assert.deepEqual([item.standIn.spec.action, item.standIn.spec.rules], ['DENY', [{}]], text);
  }
});

test('an empty field is named with its line, in lists of resources, too', () => {
  const [item] = readText('x.yaml', policy('AuthorizationPolicy', '  rules:\n    - from:')).items;
  assert.deepEqual(
    item?.diagnostics.map(({ message, at }) => `${at?.line} ${message}`),
    ['6 AuthorizationPolicy: spec.rules[0].from is empty'],
  );
  const list =
    'apiVersion: v1\nkind: List\nitems:\n- apiVersion: security.istio.io/v1\n  kind: PeerAuthentication\n  metadata: { name: x }\n  spec: { mtls: { mode: } }\n';
  const [inList] = readText('x.yaml', list).items;
  assert.match(inList?.diagnostics[0]?.message ?? '', /spec.mtls.mode is empty/);
  assert.deepEqual(inList?.standIn?.kind === 'PeerAuthentication' && inList.standIn.spec, { mtls: { mode: 'STRICT' } });
});

test('what is empty outside of spec, and in other kinds, counts as not written', () => {
  const dumped = 'apiVersion: security.istio.io/v1\nkind: PeerAuthentication\nmetadata: { name: x, creationTimestamp: null }\nspec: {}\nstatus:\n';
  assert.ok(readText('x.yaml', dumped).items[0]?.resource);
  const service = 'apiVersion: v1\nkind: Service\nmetadata: { name: x }\nspec: { selector: , ports: [{ port: 80 }] }\n';
  assert.ok(readText('x.yaml', service).items[0]?.resource);
});
