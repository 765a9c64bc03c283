import assert from 'node:assert/strict';
import { test } from 'node:test';
import { create, createRegistry, type DescMessage } from '@bufbuild/protobuf';
import { anyPack } from '@bufbuild/protobuf/wkt';
import { extensionName, extensions, unpackExtension } from '#decide/extension.ts';
import { RBACSchema } from '#envoy/gen/envoy/extensions/filters/http/rbac/v3/rbac_pb.js';
import { WasmSchema } from '#envoy/gen/envoy/extensions/filters/http/wasm/v3/wasm_pb.js';
import { TypedStructSchema } from '#envoy/gen/xds/type/v3/typed_struct_pb.js';

test('each type of the list is where the list says it is', () => {
  const types = [...extensions].filter((type): type is DescMessage => type.kind === 'message');
  assert.ok(types.length > 40, `only ${types.length} types`);
  for (const type of types) assert.equal(extensions.getMessage(type.typeName), type);
  assert.equal(createRegistry(extensions).getMessage(RBACSchema.typeName), RBACSchema);
});

test('an Any, and a TypedStruct of its type, are the message; what is not in the list, or is broken, is nothing', () => {
  const rbac = create(RBACSchema, { rulesStatPrefix: 'x' });
  assert.deepEqual(unpackExtension(anyPack(RBACSchema, rbac)), rbac);
  const typeUrl = `type.googleapis.com/${RBACSchema.typeName}`;
  const struct = anyPack(TypedStructSchema, create(TypedStructSchema, { typeUrl, value: { rules_stat_prefix: 'x' } }));
  assert.equal(extensionName(struct), RBACSchema.typeName);
  assert.deepEqual(unpackExtension(struct), rbac);
  assert.equal(unpackExtension(anyPack(WasmSchema, create(WasmSchema, {}))), undefined);
  assert.equal(unpackExtension({ ...anyPack(RBACSchema, rbac), value: new Uint8Array([0xff]) }), undefined);
  assert.equal(unpackExtension({ ...struct, value: new Uint8Array([0xff]) }), undefined);
});
