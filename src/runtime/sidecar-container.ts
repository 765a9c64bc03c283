// The one name that makes a container the pod's proxy.

/** A container of this name is the pod's own proxy and never started as an application. */
export const sidecarContainer = 'istio-proxy';
