/** Limits that let the fuzzer in again and again, and times short enough to see them pass. */
export const fuzzSettings: Record<string, string> = {
  HASHI_MAX_CONNECTIONS_PER_PLAYER: '100000',
  HASHI_MAX_CONNECTIONS_PER_ADDRESS: '100000',
  HASHI_PERMESSAGE_DEFLATE: 'true',
  HASHI_AUTH_TIMEOUT_MS: '1000',
  HASHI_UPGRADE_TIMEOUT_MS: '2000',
  HASHI_HEARTBEAT_INTERVAL_MS: '2000',
  HASHI_HEARTBEAT_TIMEOUT_MS: '5000',
};
