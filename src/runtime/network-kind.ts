// The two networks that pods can be in.

/** All on 127.0.0.1 with chosen ports, or each with a network namespace of its own. */
export type NetworkKind = 'loopback' | 'netns';
