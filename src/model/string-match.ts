// How a string is matched: Istio's StringMatch, resolved. Regular expressions are RE2 and match the whole string.

export type StringMatch =
  | { readonly kind: 'exact'; readonly value: string; readonly ignoreCase?: boolean }
  | { readonly kind: 'prefix'; readonly value: string; readonly ignoreCase?: boolean }
  | { readonly kind: 'regex'; readonly value: string }
  /** The header or parameter is there, whatever its value. */
  | { readonly kind: 'present' };
