/** What the HAProxy configurations of this benchmark differ in. */
export interface HaproxyConfig {
  readonly port: number;
  readonly backendPorts: readonly number[];
  /** A port for TLS, and a file of its certificate and key. Default: none. */
  readonly tls?: { readonly port: number; readonly file: string };
  /** Lines of the frontend between `bind` and `default_backend`, such as rules. Default: none. */
  readonly rules?: readonly string[];
}

/** A HAProxy with one thread that forwards everything round robin over kept-alive connections, and logs nothing. */
export function haproxyConfig({ port, backendPorts, tls, rules = [] }: HaproxyConfig): string {
  const tlsLine = tls === undefined ? '' : `  bind 127.0.0.1:${tls.port} ssl crt ${tls.file}\n`;
  const lines = rules.map((rule) => `  ${rule}\n`).join('');
  const servers = backendPorts.map(
    (backendPort, index) => `  server endpoint-${index + 1} 127.0.0.1:${backendPort}`,
  );
  return `global
  nbthread 1
  maxconn 11000
  no strict-limits

defaults
  mode http
  timeout connect 1s
  timeout client 1h
  timeout server 1h
  timeout http-keep-alive 1h
  option http-keep-alive
  http-reuse always

frontend clients
  bind 127.0.0.1:${port}
${tlsLine}${lines}  default_backend backend

backend backend
  balance roundrobin
${servers.join('\n')}
`;
}
