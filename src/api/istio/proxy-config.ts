// networking.istio.io ProxyConfig, whole: https://istio.io/latest/docs/reference/config/networking/proxy-config/
import { integer, map, object, type Static, string } from '#api/schema.ts';

export const proxyConfigSpec = object({
  selector: object({ matchLabels: map(string()) }),
  concurrency: integer({ minimum: 0 }),
  environmentVariables: map(string()),
  // Istio knows default, debug and distroless, and takes any other name for that of an image.
  image: object({ imageType: string() }),
});

export type ProxyConfigSpec = Static<typeof proxyConfigSpec>;
