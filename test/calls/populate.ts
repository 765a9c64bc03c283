// Goldens about routing often have services without pods. So that a live call shows where it went, each EDS cluster without an endpoint
// gets one here, but for those that the table wants to be without.
import { clone, create, isMessage } from '@bufbuild/protobuf';
import { AddressSchema } from '#envoy/gen/envoy/config/core/v3/address_pb.js';
import { ClusterLoadAssignmentSchema } from '#envoy/gen/envoy/config/endpoint/v3/endpoint_pb.js';
import { type ResourceSet, XdsResource } from '#envoy/resource.ts';
import { typeUrls } from '#envoy/type-url.ts';
import type { TableCall } from '#test/calls/call-table.ts';

export function populate(resources: ResourceSet, calls: readonly TableCall[]): ResourceSet {
  const empty = new Set(calls.flatMap(({ expect }) => (expect.status === 503 && expect.cluster !== undefined ? [expect.cluster] : [])));
  const assignments = [...(resources.get(typeUrls.endpoint) ?? [])].map(([name, resource], index): [string, XdsResource] => {
    const { message } = resource;
    if (!isMessage(message, ClusterLoadAssignmentSchema) || empty.has(name)) return [name, resource];
    if (message.endpoints.some(({ lbEndpoints }) => lbEndpoints.length > 0)) return [name, resource];
    const assignment = clone(ClusterLoadAssignmentSchema, message);
    assignment.endpoints = create(ClusterLoadAssignmentSchema, { endpoints: [{ lbEndpoints: [endpoint(`10.99.0.${index + 1}`)] }] }).endpoints;
    return [name, new XdsResource(typeUrls.endpoint, name, ClusterLoadAssignmentSchema, assignment)];
  });
  return new Map([...resources, [typeUrls.endpoint, new Map(assignments)]]);
}

function endpoint(address: string) {
  const socket = create(AddressSchema, { address: { case: 'socketAddress', value: { address, portSpecifier: { case: 'portValue', value: 80 } } } });
  return { hostIdentifier: { case: 'endpoint' as const, value: { address: socket } } };
}
