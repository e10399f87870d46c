import type { z } from 'zod';
import type { Bus, Subscription } from './bus.ts';
import { parseMessage } from './parse-message.ts';

/** Hears what is published on a subject; malformed messages are dropped. */
export function hearMessages<Message>(
  bus: Pick<Bus, 'subscribe'>,
  subject: string,
  schema: z.ZodType<Message>,
  onMessage: (message: Message) => void,
): Subscription {
  return bus.subscribe(subject, ({ data }) => {
    const message = parseMessage(schema, data);
    if (message.ok) onMessage(message.value);
  });
}
