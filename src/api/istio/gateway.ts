// networking.istio.io Gateway, whole: https://istio.io/latest/docs/reference/config/networking/gateway/
import { array, boolean, integer, map, object, oneOf, port, required, type Static, string } from '#api/schema.ts';

const tlsVersion = oneOf('TLS_AUTO', 'TLSV1_0', 'TLSV1_1', 'TLSV1_2', 'TLSV1_3');

export const serverTls = object(
  {
    httpsRedirect: boolean(),
    mode: oneOf('PASSTHROUGH', 'SIMPLE', 'MUTUAL', 'AUTO_PASSTHROUGH', 'ISTIO_MUTUAL', 'OPTIONAL_MUTUAL'),
    serverCertificate: string(),
    privateKey: string(),
    caCertificates: string(),
    caCrl: string(),
    credentialName: string(),
    credentialNames: array(string(), { minItems: 1, maxItems: 2 }),
    caCertCredentialName: string(),
    tlsCertificates: array(object({ serverCertificate: string(), privateKey: string(), caCertificates: string() }), { minItems: 1, maxItems: 2 }),
    subjectAltNames: array(string()),
    verifyCertificateSpki: array(string()),
    verifyCertificateHash: array(string()),
    minProtocolVersion: tlsVersion,
    maxProtocolVersion: tlsVersion,
    cipherSuites: array(string()),
    ecdhCurves: array(string()),
    insecureSkipVerify: boolean(),
  },
  { atMostOneOf: [['tlsCertificates', 'credentialName', 'credentialNames']] },
);

const server = object({
  port: required(
    object({
      // 0 on a Unix socket.
      number: required(integer({ minimum: 0, maximum: 65_535 })),
      protocol: required(string({ minLength: 1 })),
      name: required(string({ minLength: 1 })),
      targetPort: port(),
    }),
  ),
  bind: string(),
  hosts: required(array(string(), { minItems: 1 })),
  tls: serverTls,
  defaultEndpoint: string(),
  name: string(),
});

export const gatewaySpec = object({ servers: array(server), selector: map(string()) });

export type GatewaySpec = Static<typeof gatewaySpec>;
