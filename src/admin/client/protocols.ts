// The names of the protocols that a connection to the admin API can be upgraded to, and the file of the token in a state folder.

/** Frames (frames.ts) in both directions. */
export const execProtocol = 'heddle-exec';
/** Bytes as they are. */
export const forwardProtocol = 'heddle-port-forward';
/** Lines of JSON (run-messages.ts). */
export const runProtocol = 'heddle-run';

/** In the state folder, for its owner alone: what callers that change something send as `authorization: Bearer …`. */
export const adminTokenFile = 'admin-token';
/** Beside it, where the admin API speaks TLS: the certificate that it shows. */
export const adminCertificateFile = 'admin-certificate.pem';
