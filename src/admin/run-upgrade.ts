// The connection of `heddle run`: messages of the caller to the workload's session and back. When it closes, the workload leaves; when the workload has
// left, it closes.
import type { Duplex } from 'node:stream';
import { onLines, readCallerMessage, sendMessage } from '#admin/client/run-messages.ts';
import type { RunSession } from '#admin/client/verbs.ts';

export function carryRun(socket: Duplex, session: RunSession): void {
  session.listen((message) => sendMessage(socket, message));
  onLines(socket, (value) => {
    const message = readCallerMessage(value);
    if (message !== undefined) session.take(message);
  });
  socket.once('end', () => socket.destroy());
  socket.once('close', () => session.gone());
  void session.left.then(() => socket.end());
}
