/**
 * The demo's process: a service that writes its tables with plain SQL, at a few changes a second, for ever.
 *
 * It knows nothing of events. It ends when the process that started it does, whatever ended that one.
 */
import { bountyStory } from './bounty-story.js';
import { lobbyStory } from './lobby-story.js';
import type { Story } from './steps.js';
import { sweep } from './sweep.js';
import { Writer } from './writer.js';

/** How many stories are under way at once: this bounds the tables, for a story removes what it has made. */
const storiesAtOnce = 6;

process.on('disconnect', () => process.exit(0));
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => process.exit(0));
// It may have gone before we listened for it.
if (!process.connected) process.exit(0);

const rate = Number(process.env['DEMO_RATE'] ?? 4);
const writer = new Writer(process.env['DATABASE_URL'] ?? '');

let begun = 0;
function beginStory(): Story {
  const number = begun++;
  // Two lobbies, then a bounty; each kind counts its own, so that both play all their variants.
  const round = Math.floor(number / 3);
  return number % 3 === 2 ? bountyStory(round) : lobbyStory(round * 2 + (number % 3));
}

async function live(): Promise<never> {
  for (const left of sweep) await writer.run(left);
  const stories: Story[] = [];
  for (;;) {
    // One more at a time, so that they are not all in the same chapter.
    if (stories.length < storiesAtOnce) stories.push(beginStory());
    const at = Math.floor(Math.random() * stories.length);
    const story = stories[at];
    const next = story?.steps.next();
    if (!story || next?.done !== false) {
      stories.splice(at, 1);
      continue;
    }
    if ((await writer.run(next.value)) === 'refused') {
      // Somebody else has removed a row of it, say: on with another one.
      stories.splice(at, 1);
      for (const rest of story.cleanup) await writer.run(rest);
    }
    await pause((1_000 / rate) * (0.5 + Math.random()));
  }
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

await live();
