/** Settings of a config-service to which one client makes all changes, with one credential. */
export const UNBOUNDED_RATES = {
  HEADGATE_CONFIG_REQUESTS_PER_SECOND: '1000000',
  HEADGATE_CONFIG_CREDENTIAL_REQUESTS_PER_SECOND: '1000000',
} as const;
