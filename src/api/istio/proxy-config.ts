// networking.istio.io ProxyConfig, whole: https://istio.io/latest/docs/reference/config/networking/proxy-config/
import { integer, map, object, oneOf, type Static, string } from '#api/schema.ts';

export const proxyConfigSpec = object({
  selector: object({ matchLabels: map(string()) }),
  concurrency: integer({ minimum: 0 }),
  environmentVariables: map(string()),
  image: object({ imageType: oneOf('default', 'debug', 'distroless') }),
});

export type ProxyConfigSpec = Static<typeof proxyConfigSpec>;
