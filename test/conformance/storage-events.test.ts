/** Storage events: each transition of a row, and the exact frame it becomes, without its credentials. */
import { describe, expect, it } from 'vitest';
import { drivers, type Driver } from './drivers.js';
import { expectEvent, instants, maxBigint } from './frames.js';
import { somebody, useWorld } from './world.js';

const world = useWorld();

const row = {
  player_id: 'uploader',
  status: 'pending',
  url: 'https://files.example/a?b=c',
  object_key: 'uploads/a.bin',
  presigned_url: 'https://files.example/a?signature=credential',
  presigned_expires_at: instants[2].sql,
  upload_id: 'credential',
  content_type: 'application/octet-stream',
  size_bytes: maxBigint,
  created_at: instants[0].sql,
  updated_at: instants[1].sql,
};

const multipart = { ...row, kind: 'multipart' };

interface Transition {
  readonly event: string;
  /** The row as it is before; absent: it is what gets inserted. */
  readonly before?: Record<string, unknown>;
  readonly change: Record<string, unknown> | string;
  readonly kind: string;
  readonly status: string;
}

const transitions: Transition[] = [
  {
    event: 'storage.external_url_created',
    change: { ...row, kind: 'external_url' },
    kind: 'external_url',
    status: 'pending',
  },
  {
    event: 'storage.presigned_url_created',
    change: { ...row, kind: 'presigned_url' },
    kind: 'presigned_url',
    status: 'pending',
  },
  {
    event: 'storage.multipart_completed',
    before: multipart,
    change: `update storage set status = 'completed' where id = $1`,
    kind: 'multipart',
    status: 'completed',
  },
  {
    event: 'storage.multipart_aborted',
    before: multipart,
    change: `update storage set status = 'aborted' where id = $1`,
    kind: 'multipart',
    status: 'aborted',
  },
  {
    event: 'storage.deleted',
    before: multipart,
    change: 'delete from storage where id = $1',
    kind: 'multipart',
    status: 'pending',
  },
];

/** A member of a lobby, and a contract of it. */
async function givenContract(driver: Driver) {
  const player = somebody();
  const lobby = await world.lobby({}, [player]);
  const contract = await world.insert('contracts', { lobby_id: lobby.id });
  return { lobby, contractId: contract.id as string, client: await world.open(driver, player) };
}

describe.each(drivers)('storage events: $name', (driver) => {
  it.each(transitions)('sends $event', async ({ event, before, change, kind, status }) => {
    const { lobby, contractId, client } = await givenContract(driver);
    const stored = before && (await world.insert('storage', { contract_id: contractId, ...before }));
    const frame = await expectEvent(world, client, 'storage:event', event, () =>
      typeof change === 'string'
        ? world.query(change, [stored.id])
        : world.insert('storage', { contract_id: contractId, ...change }),
    );
    const id = frame.data.storageId;
    if (stored) expect(id).toBe(stored.id);
    expect(frame.data).toStrictEqual({
      type: event,
      storageId: id,
      contractId,
      lobbyId: lobby.code,
      playerId: 'uploader',
      timestamp: frame.data.timestamp,
      payload: {
        storage: {
          id,
          contractId,
          playerId: 'uploader',
          kind,
          status,
          url: 'https://files.example/a?b=c',
          objectKey: 'uploads/a.bin',
          presignedExpiresAt: instants[2].wire,
          contentType: 'application/octet-stream',
          sizeBytes: maxBigint,
          createdAt: instants[0].wire,
          updatedAt: instants[1].wire,
          lobbyCode: lobby.code,
        },
      },
    });
    expect(JSON.stringify(frame)).not.toContain('credential');
  });

  it('sends null for every column that is null', async () => {
    const { client, contractId } = await givenContract(driver);
    const frame = await expectEvent(
      world,
      client,
      'storage:event',
      'storage.external_url_created',
      async () => {
        await world.insert('storage', {
          contract_id: contractId,
          player_id: 'uploader',
          kind: 'external_url',
        });
      },
    );
    expect(frame.data.payload.storage).toMatchObject({
      url: null,
      objectKey: null,
      presignedExpiresAt: null,
      contentType: null,
      sizeBytes: null,
    });
  });

  it('sends a file of a contract with no lobby to nobody', async () => {
    const client = await world.open(driver, 'uploader');
    const contract = await world.insert('contracts', {});
    await world.insert('storage', { contract_id: contract.id, ...multipart, kind: 'external_url' });
    const [seen] = await world.settle(client);
    expect(seen?.map(({ data }) => data.type)).toEqual(['contract.created']);
  });
});
