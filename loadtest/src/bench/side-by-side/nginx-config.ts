/** What the nginx configurations of this benchmark have in common. */
export interface NginxConfig {
  /** Lines before `events`, such as `load_module`. */
  readonly main?: string;
  /** Lines of the `http` block. */
  readonly http: string;
}

/** Open connections that a worker may hold, both sides together. */
const CONNECTIONS_MAX = 16_384;

/** An nginx with one worker in the foreground, which writes nothing outside of `directory` and logs no requests. */
export function nginxConfig(directory: string, config: NginxConfig): string {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
    .map((kind) => `  ${kind}_temp_path ${directory}/${kind};`)
    .join('\n');
  // A worker of root's nginx becomes `nobody` otherwise, who cannot enter a temporary directory.
  const user = process.getuid?.() === 0 ? 'user root root;' : '';
  return `${config.main ?? ''}
${user}
daemon off;
pid ${directory}/nginx.pid;
error_log stderr error;
worker_processes 1;
worker_rlimit_nofile ${CONNECTIONS_MAX + 1000};
events { worker_connections ${CONNECTIONS_MAX}; }
http {
  access_log off;
  keepalive_timeout 1h;
  keepalive_requests 1000000000;
${temporary}
${config.http}
}
`;
}

/** The backend's ports as an nginx upstream with kept-alive connections. */
export function nginxUpstream(ports: readonly number[], connections: number): string {
  return `  upstream backend {
${ports.map((port) => `    server 127.0.0.1:${port};`).join('\n')}
    keepalive ${connections};
    keepalive_requests 1000000000;
    keepalive_timeout 1h;
  }`;
}

/** Directives that forward over kept-alive HTTP/1.1 connections. */
export const NGINX_FORWARD = `proxy_pass http://backend;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host $http_host;`;
