/** What {@link resetSocket} needs of a `net.Socket`. */
export interface ResettableSocket {
  readonly writableEnded: boolean;
  readonly writableLength: number;
  readonly writableFinished: boolean;
  destroy(): unknown;
  resetAndDestroy(): unknown;
}

/**
 * Closes a socket at once with an RST, so that the peer cannot take a cut message for a whole one. If the kernel has
 * everything and FIN is on its way, nothing is cut: then this only closes. libuv would refuse the reset, and Node lose the
 * handle: it stays open, and a process whose work is done spins for ever at its exit.
 */
export function resetSocket(socket: ResettableSocket): void {
  const { writableEnded, writableLength, writableFinished } = socket;
  if (writableEnded && writableLength === 0 && !writableFinished) socket.destroy();
  else socket.resetAndDestroy();
}
