export {
  createActiveHealth,
  HEALTH_REFRESH_MS,
  HEALTH_STALE_AFTER_MS,
  mergeHealth,
  readmitAfter,
  receiveHealth,
  takeVerdict,
  type ActiveHealth,
} from './merge-health.ts';
export {
  createPassiveHealth,
  type PassiveFailureKind,
  type PassiveHealth,
  type PassiveHealthOptions,
} from './passive-health.ts';
export {
  createProbeState,
  type ProbeState,
  type ProbeStateOptions,
  type ProbeVerdict,
} from './probe-state.ts';
