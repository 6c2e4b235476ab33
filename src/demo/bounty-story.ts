/** The life of a bounty in the demo: claimed and completed, or cancelled, and removed in the end. */
import { randomUUID } from 'node:crypto';
import { players } from './lobby-story.js';
import { pickFrom, step, type Step, type Story } from './steps.js';

const titles = ['First ten wins', 'Stream a match', 'Report a bug', 'Bring a friend'];

export function bountyStory(number: number): Story {
  const id = randomUUID();
  return { steps: life(id, number), cleanup: [step('delete from bounties where id = $1', id)] };
}

function* life(id: string, number: number): Generator<Step> {
  const set = (columns: string, ...values: unknown[]) =>
    step(`update bounties set ${columns}, updated_at = now() where id = $1`, id, ...values);
  yield step(
    `insert into bounties (id, title, reward_amount, token, created_by) values ($1, $2, $3, 'DEMO', $4)`,
    id,
    pickFrom(titles, number),
    '250000000000000000',
    pickFrom(players, number + 1),
  );
  if (number % 2 === 0) {
    yield set(`status = 'claimed', claimed_by = $2, claimed_at = now()`, pickFrom(players, number));
    yield set(`status = 'completed', completed_at = now()`);
  } else {
    yield set(`status = 'cancelled', cancelled_at = now()`);
  }
  yield step('delete from bounties where id = $1', id);
}
