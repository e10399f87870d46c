/** A reply of the config-service. */
export interface ApiReply {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
}

/** The REST API of a config-service, as scenarios use it. */
export class ConfigApi {
  readonly url: string;
  readonly #token: string;

  constructor(url: string, token: string) {
    this.url = url;
    this.#token = token;
  }

  /** What `headgate` needs to reach it, as variables of its environment. */
  get environment(): Readonly<Record<string, string>> {
    return { HEADGATE_URL: this.url, HEADGATE_ADMIN_TOKEN: this.#token };
  }

  /** Sends a request; the caller judges the status. */
  async send(
    method: string,
    path: string,
    body?: object,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<ApiReply> {
    const response = await fetch(`${this.url}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${this.#token}`,
        // A request without a body must not say what it holds.
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    return {
      status: response.status,
      body: text === '' ? {} : (JSON.parse(text) as ApiReply['body']), // the API answers with objects only
    };
  }

  /** Applies a bundle; returns the revision. @throws Error with the answer when it is refused. */
  async apply(bundle: object): Promise<number> {
    return this.#expectRevision(await this.send('POST', '/v1/apply', bundle));
  }

  /** Replaces a resource; returns the revision. @throws Error with the answer when it is refused. */
  async put(path: string, body: object): Promise<number> {
    return this.#expectRevision(await this.send('PUT', path, body));
  }

  #expectRevision(reply: ApiReply): number {
    const { revision } = reply.body;
    if (reply.status >= 300 || typeof revision !== 'number') {
      throw new Error(`config-service answered ${reply.status}: ${JSON.stringify(reply.body)}`);
    }
    return revision;
  }
}
