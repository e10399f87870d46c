import { fileURLToPath } from 'node:url';
import { freePort, startProcess } from '@headgate/testkit';
import { Component } from './cluster.ts';

const ENTRY = fileURLToPath(new URL('./endpoint-main.ts', import.meta.url));

/** An endpoint that runs as a process of its own, so that it can be killed. */
export interface EndpointProcess {
  readonly port: number;
  readonly component: Component;
}

/** Starts endpoints that answer GET with their name. */
export async function startEndpointProcesses(count: number): Promise<EndpointProcess[]> {
  const endpoints: EndpointProcess[] = [];
  for (let index = 1; index <= count; index += 1) {
    const port = await freePort();
    const component = new Component(`endpoint-${index}`, () =>
      startProcess({
        name: `endpoint-${index}`,
        command: process.execPath,
        args: [ENTRY, `endpoint-${index}`, String(port)],
        readyWhen: /listening/,
      }),
    );
    await component.start();
    endpoints.push({ port, component });
  }
  return endpoints;
}
