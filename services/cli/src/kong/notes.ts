import type { Fault } from '@headgate/model';
import { isEmpty } from './kong-file.ts';

/** What became of something that has no exact counterpart; a loss is something that will not work as it did. */
export interface Note extends Fault {
  readonly isLoss: boolean;
}

/** Gathers notes, and gives out ids. One for each translation. */
export class Notes {
  readonly all: Note[] = [];
  readonly #told = new Set<string>();
  readonly #ids = new Set<string>();

  /** Something is left out. */
  lose(path: string, rule: string, value?: unknown): void {
    this.#add({ path, rule, isLoss: true, ...(value === undefined ? {} : { value }) });
  }

  /** Something is as near as it can be. */
  change(path: string, rule: string, value?: unknown): void {
    this.#add({ path, rule, isLoss: false, ...(value === undefined ? {} : { value }) });
  }

  /** A plugin of a service and a consumer is met at both: once is enough. */
  #add(note: Note): void {
    const text = JSON.stringify(note);
    if (this.#told.has(text)) return;
    this.#told.add(text);
    this.all.push(note);
  }

  /** Notes each of these keys that is set: nothing stands for it. */
  loseKeys(path: string, entity: Readonly<Record<string, unknown>>, keys: readonly string[]): void {
    for (const key of keys) {
      if (isEmpty(entity[key])) continue;
      this.lose(path === '' ? key : `${path}.${key}`, 'Headgate has nothing like it');
    }
  }

  /** An id out of a name: lower case, `-` for what an id cannot hold, a number if it is taken. */
  id(kind: string, name: string): string {
    const plain = name
      .toLowerCase()
      .replaceAll(/[^a-z0-9]+/g, '-')
      .slice(0, 58)
      .replaceAll(/^-+|-+$/g, '');
    const base = plain === '' ? kind : plain;
    for (let count = 1; ; count++) {
      const id = count === 1 ? base : `${base}-${count}`;
      if (this.#ids.has(`${kind} ${id}`)) continue;
      this.#ids.add(`${kind} ${id}`);
      return id;
    }
  }
}
