// What a gRPC client says of a connection that could not be made, in words for who runs it: without the library's frame, and with what to look at where
// a certificate was not believed.
const frame = /No connection established\. Last error: (?:Error: )?(.*?)\.? Resolution note: ?(.*)$/s;
const timestamp = / \(\d{4}-\d\d-\d\dT[\d:.]+Z\)/g;

/** OpenSSL's words (X509_verify_cert_error_string) for a chain that ends at none of the roots. */
const unknownIssuer =
  /self-signed certificate|unable to (?:get (?:local )?issuer certificate|verify the first certificate)|certificate signature failure/i;

/** `14 UNAVAILABLE: Failed to connect`. What is not of that frame stays as it is. */
export function connectionFailure(text: string): string {
  const [, reason, note] = frame.exec(text) ?? [];
  if (reason === undefined) return text;
  const words = [reason.replace(timestamp, ''), ...(note === undefined || note === '' ? [] : [note])].join('; ');
  const hint = unknownIssuer.test(reason) ? ': none of the roots that were given vouches for the server' : '';
  return text.replace(frame, () => `${words}${hint}`);
}
