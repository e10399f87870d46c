import assert from 'node:assert/strict';
import { waitFor, type OriginConnection, type RecordingOrigin } from '@headgate/testkit';
import { HANDSHAKE } from './handshake.ts';
import { connectRaw, type RawClient } from './raw-client.ts';

/** A tunnel through an edge, seen from both of its ends. */
export interface OpenTunnel {
  readonly client: RawClient;
  /** Its end at the endpoint. */
  readonly link: OriginConnection;
  /** What came behind the head of the 101, latin1. */
  readonly toClient: () => string;
  /** What came behind the head of the handshake. */
  readonly toEndpoint: () => Buffer;
}

/** Opens a tunnel through the edge on `port` to an origin that answers with a 101. */
export async function openTunnel(
  port: number,
  origin: RecordingOrigin,
  handshake = HANDSHAKE,
): Promise<OpenTunnel> {
  const client = await connectRaw(port);
  client.send(handshake);
  const response = await waitFor(() => client.responses()[0], { message: 'the 101' });
  assert.equal(response.status, 101);
  const link = origin.connections.at(-1);
  assert.ok(link !== undefined);
  const answerBytes = headBytes(client.received());
  const requestBytes = headBytes(link.received().toString('latin1'));
  return {
    client,
    link,
    toClient: () => client.received().slice(answerBytes),
    toEndpoint: () => link.received().subarray(requestBytes),
  };
}

const headBytes = (text: string): number => text.indexOf('\r\n\r\n') + 4;
