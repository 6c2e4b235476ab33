import { describe, expect, it } from 'vitest';
import { Places, type Claim } from '../../../src/workers/places.js';

const player = (session: string, takesUp?: string): Claim => ({
  places: [{ name: 'player p', most: 2 }],
  session,
  takesUp,
});

const granted = { displaced: [] };

describe('the places of all workers', () => {
  it('are had by whoever comes first, whichever worker asks', () => {
    const places = new Places();
    expect(places.take(1, 1, player('a'))).toEqual(granted);
    expect(places.take(2, 1, player('b'))).toEqual(granted);
    expect(places.take(1, 2, player('c'))).toEqual({ full: 'player p' });
    places.give(2, 1);
    expect(places.take(1, 3, player('c'))).toEqual(granted);
    expect(places.take(2, 2, player('d'))).toEqual({ full: 'player p' });
  });

  it('are taken all or none', () => {
    const places = new Places();
    const both: Claim = {
      places: [
        { name: 'instance', most: 2 },
        { name: 'address 192.0.2.1', most: 1 },
      ],
    };
    expect(places.take(1, 1, both)).toEqual(granted);
    // The address is full: what it would have had of the instance is left to others.
    expect(places.take(2, 1, both)).toEqual({ full: 'address 192.0.2.1' });
    expect(places.take(2, 2, { places: [{ name: 'instance', most: 2 }] })).toEqual(granted);
    expect(places.take(2, 3, both)).toEqual({ full: 'instance' });
  });

  it('of a worker that has ended are free', () => {
    const places = new Places();
    places.take(1, 1, player('a'));
    places.take(1, 2, player('b'));
    places.forget(1);
    places.forget(1);
    expect(places.take(2, 1, player('a'))).toEqual(granted);
    expect(places.take(2, 2, player('b'))).toEqual(granted);
    // Late word of what ended with it frees nobody else's.
    places.give(1, 1);
    expect(places.take(2, 3, player('c'))).toEqual({ full: 'player p' });
  });

  it('are given up once, however often it is said', () => {
    const places = new Places();
    places.take(1, 1, player('a'));
    places.take(1, 2, player('b'));
    places.give(1, 1);
    places.give(1, 1);
    expect(places.take(1, 3, player('c'))).toEqual(granted);
    expect(places.take(1, 4, player('d'))).toEqual({ full: 'player p' });
  });

  it('go over from connections that have not noticed their end to the one that takes up their session', () => {
    const places = new Places();
    places.take(1, 1, player('a'));
    places.take(1, 2, player('b'));
    expect(places.take(2, 1, player('a', 'a'))).toMatchObject({ displaced: [{ worker: 1, id: 1 }] });
    expect(places.take(2, 2, player('c', 'unknown'))).toEqual({ full: 'player p' });
    // Once more, before the first has been told.
    const again = places.take(3, 1, player('a', 'a'));
    expect(again).toMatchObject({
      displaced: [
        { worker: 1, id: 1 },
        { worker: 2, id: 1 },
      ],
    });
    // All are counted until they are gone.
    places.give(1, 1);
    expect(places.take(2, 3, player('c'))).toEqual({ full: 'player p' });
    places.give(2, 1);
    expect(places.take(2, 4, player('c'))).toEqual({ full: 'player p' });
    places.give(3, 1);
    expect(places.take(2, 5, player('c'))).toEqual(granted);
  });
});
