export {
  API_KEY_CHARS_MAX,
  bearerToken,
  compileApiKeys,
  ApiKeyVerifier,
  type ApiKeyRecord,
  type ApiKeyTable,
  type ApiKeyVerdict,
} from './api-key-table.ts';
