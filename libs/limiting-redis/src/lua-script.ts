import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';

/** A script and the name under which Redis keeps it. */
export interface LuaScript {
  readonly text: string;
  /** SHA-1 in lower-case hex, for EVALSHA. */
  readonly sha: string;
}

/** Reads the scripts that lie beside this file; call it at start-up. Throws if one is missing. */
export function loadScripts(): {
  readonly take: LuaScript;
  readonly replay: LuaScript;
  readonly renewSlots: LuaScript;
} {
  const parts = ['window-state.lua', 'rate-state.lua', 'quota-state.lua', 'slot-state.lua'];
  const head = parts.map(readScript).join('');
  return {
    take: createLuaScript(head + readScript('take.lua')),
    replay: createLuaScript(head + readScript('replay.lua')),
    renewSlots: createLuaScript(head + readScript('renew-slots.lua')),
  };
}

/** Names a script by its text. */
export function createLuaScript(text: string): LuaScript {
  return { text, sha: createHash('sha1').update(text).digest('hex') };
}

function readScript(name: string): string {
  return readFileSync(new URL(name, import.meta.url), 'utf8');
}
