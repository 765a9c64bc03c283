// Envoy's response flags: the short names that the access log prints, and their long ones.

const longNames: Readonly<Record<string, string>> = {
  LH: 'FailedLocalHealthCheck',
  UH: 'NoHealthyUpstream',
  UT: 'UpstreamRequestTimeout',
  LR: 'LocalReset',
  UR: 'UpstreamRemoteReset',
  UF: 'UpstreamConnectionFailure',
  UC: 'UpstreamConnectionTermination',
  UO: 'UpstreamOverflow',
  NR: 'NoRouteFound',
  DI: 'DelayInjected',
  FI: 'FaultInjected',
  RL: 'RateLimited',
  UAEX: 'UnauthorizedExternalService',
  RLSE: 'RateLimitServiceError',
  DC: 'DownstreamConnectionTermination',
  URX: 'UpstreamRetryLimitExceeded',
  SI: 'StreamIdleTimeout',
  IH: 'InvalidEnvoyRequestHeaders',
  DPE: 'DownstreamProtocolError',
  UPE: 'UpstreamProtocolError',
  UMSDR: 'UpstreamMaxStreamDurationReached',
  RFCF: 'ResponseFromCacheFilter',
  NFCF: 'NoFilterConfigFound',
  DT: 'DurationTimeout',
  OM: 'OverloadManagerTerminated',
  DF: 'DnsResolutionFailed',
  DO: 'DropOverLoad',
  DR: 'DownstreamRemoteReset',
  UDO: 'UnconditionalDropOverload',
  NC: 'NoClusterFound',
};

/** True for a flag that Envoy knows, which is what a response_flag_filter may name. */
export function isResponseFlag(flag: string): boolean {
  return flag in longNames;
}

/** `NoRouteFound,UpstreamOverflow` from `NR,UO`. */
export function responseFlagNames(flags: string): string {
  if (flags === '') return '';
  return flags
    .split(',')
    .map((flag) => longNames[flag] ?? flag)
    .join(',');
}
