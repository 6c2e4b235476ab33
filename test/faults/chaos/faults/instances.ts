/** Faults of instances, and of the network between them, their database and their clients. */
import type { Arena, Berth, Fault } from '../arena.js';
import { terminate } from './sessions.js';

export const frontOnAnother = ({ berths, front }: Arena, berth: Berth): void => {
  const other = berths.find((candidate) => candidate !== berth);
  if (other) front.retarget(other.instance.url);
};

export const instanceFaults: Readonly<Record<string, Fault>> = {
  'kill an instance': async (arena, berth) => {
    frontOnAnother(arena, berth);
    await berth.instance.kill('SIGKILL');
    await arena.restart(berth);
  },
  'stop an instance': async (arena, berth) => {
    frontOnAnother(arena, berth);
    await berth.instance.kill('SIGTERM');
    await arena.restart(berth);
  },
  'restart the instances one after another': async (arena) => {
    for (const berth of arena.berths) {
      frontOnAnother(arena, berth);
      const how = await berth.instance.kill('SIGTERM');
      if (how !== 0) arena.complain(`an instance that was told to stop ended with ${how}`);
      await arena.restart(berth);
    }
  },
  'pause an instance': async (arena, berth) => {
    frontOnAnother(arena, berth);
    berth.instance.child.signal('SIGSTOP');
    await arena.pause(arena.random.between(500, 4000));
    berth.instance.child.signal('SIGCONT');
  },
  'kill listening backends': async ({ pool }) => {
    await terminate(pool, 'hashi-socket listener');
  },
  'kill every backend of the instances': async ({ pool }) => {
    await terminate(pool, 'hashi-socket%');
  },
  'cut an instance off its database': async (arena, berth) => {
    berth.database.refuse();
    berth.database.cut();
    await arena.pause(arena.random.between(100, 2500));
    berth.database.heal();
  },
  'lose the bytes to the database': async (arena, berth) => {
    berth.database.blackhole();
    await arena.pause(arena.random.between(500, 2500));
    berth.database.heal();
  },
  'stall the network to the database': async (arena, berth) => {
    berth.database.freeze();
    await arena.pause(arena.random.between(200, 3000));
    berth.database.heal();
  },
  'slow the network to the database down': async (arena, berth) => {
    berth.database.delay(arena.random.between(5, 60));
    await arena.pause(1500);
    berth.database.heal();
  },
};

export const clientFaults: Readonly<Record<string, Fault>> = {
  'cut all clients off': async ({ front }) => {
    front.cut();
  },
  'lose the bytes of all clients': async (arena) => {
    arena.front.blackhole();
    await arena.pause(arena.random.between(200, 1000));
    arena.front.heal();
  },
  'cut one client off, again and again': async (arena) => {
    const follower = arena.random.pick(arena.followers);
    for (let count = 0; count < 5; count++) {
      follower.cut();
      await arena.pause(arena.random.between(50, 300));
    }
  },
  'send new connections elsewhere': async (arena, berth) => {
    frontOnAnother(arena, berth);
    arena.front.cut();
  },
};
