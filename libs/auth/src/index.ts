export {
  API_KEY_CHARS_MAX,
  bearerToken,
  compileApiKeys,
  ApiKeyVerifier,
  type ApiKeyRecord,
  type ApiKeyTable,
  type ApiKeyVerdict,
} from './api-key-table.ts';
export { compileJwtRules, type JwtIdentity } from './jwt/check-jwt.ts';
export { KeySet } from './jwt/key-set.ts';
export { TOKEN_CHARS_MAX } from './jwt/read-jwt.ts';
export { inlineKeys, RemoteKeys, type KeySource } from './jwt/remote-keys.ts';
export {
  TokenRealm,
  TokenVerifier,
  type TokenIssuer,
  type TokenVerdict,
} from './jwt/token-verifier.ts';
