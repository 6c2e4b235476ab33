/** Who is in which room, the same for every system. */

/** Rooms of four: `rooms[n]` are the members' numbers. */
export interface Shape {
  readonly clients: number;
  readonly rooms: readonly (readonly number[])[];
}

export function shapeOf(clients: number, rooms: number, members: number): Shape {
  return {
    clients,
    rooms: Array.from({ length: rooms }, (_, room) =>
      Array.from({ length: members }, (_member, n) => (room * members + n) % clients),
    ),
  };
}

export const memberships = ({ clients, rooms }: Shape): string[][] => {
  const lists: string[][] = Array.from({ length: clients }, () => []);
  rooms.forEach((members, room) => members.forEach((member) => lists[member]?.push(`room-${room}`)));
  return lists;
};

/** The shape the parent has named: its numbers alone, for the lists are too long for an environment. */
export function namedShape(): Shape {
  const [clients = 0, rooms = 0, members = 0] = JSON.parse(process.env['BENCH_SHAPE'] ?? '[]') as number[];
  return shapeOf(clients, rooms, members);
}
