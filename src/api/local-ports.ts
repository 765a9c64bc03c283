// How the runtime says of a Pod that is a local process where its proxy listens: an annotation on the Pod that it publishes. Every pod has the
// same address there, so the port of the container is not the one to connect to.

export const localPortsAnnotation = 'heddle.dev/local-ports';

/** Container port → port, or undefined where the pod says nothing of it that can be read. */
export function readLocalPorts(annotations: Readonly<Record<string, string>>): Readonly<Record<string, number>> | undefined {
  const text = annotations[localPortsAnnotation];
  if (text === undefined) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== 'object' || value === null) return undefined;
    return Object.fromEntries(Object.entries(value).filter((entry): entry is [string, number] => typeof entry[1] === 'number'));
  } catch {
    return undefined;
  }
}
