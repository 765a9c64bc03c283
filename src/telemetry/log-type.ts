// Why an access log is written, by Envoy's numbers (envoy.data.accesslog.v3.AccessLogType). Written here, since the file that has them describes
// records of logs that are sent elsewhere, which no proxy needs to load.

export const logTypes = { tcpUpstreamConnected: 1, tcpConnectionEnd: 3, downstreamEnd: 6 } as const;

export type LogType = (typeof logTypes)[keyof typeof logTypes];
