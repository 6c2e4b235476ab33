/** Storage events: the room of the contract's lobby sees them. Presigned URLs and upload ids are credentials and stay inside. */
import { contracts, lobbies, storage as storageTable } from '../database/schema.js';
import { becomes, column, columns, deleted, insertedWith, lookup, object, roomThrough } from './define.js';
import { family } from './family.js';

const toContract = { from: storageTable, by: 'contractId', table: contracts, key: 'id' } as const;
const lobbyCode = lookup({
  through: toContract,
  from: contracts,
  by: 'lobbyId',
  table: lobbies,
  key: 'id',
  column: 'code',
});

const ofMultipart = { property: 'kind', value: 'multipart' } as const;

/** `storage:event`: five events; the payload is `{storage}`, without presigned URLs and upload ids. */
export const storage = family('storage:event', {
  table: storageTable,
  keys: {
    storageId: column(storageTable, 'id'),
    contractId: column(storageTable, 'contractId'),
    lobbyId: lobbyCode,
    playerId: column(storageTable, 'playerId'),
  },
  audience: roomThrough('lobby', { ...toContract, column: 'lobbyId' }),
  events: {
    'storage.external_url_created': insertedWith(storageTable, 'kind', 'external_url'),
    'storage.presigned_url_created': insertedWith(storageTable, 'kind', 'presigned_url'),
    'storage.multipart_completed': becomes(storageTable, 'status', 'completed', ofMultipart),
    'storage.multipart_aborted': becomes(storageTable, 'status', 'aborted', ofMultipart),
    'storage.deleted': deleted(),
  },
  payload: object({
    storage: object({
      ...columns(
        storageTable,
        'id',
        'contractId',
        'playerId',
        'kind',
        'status',
        'url',
        'objectKey',
        'presignedExpiresAt',
        'contentType',
        'sizeBytes',
        'createdAt',
        'updatedAt',
      ),
      lobbyCode,
    }),
  }),
});
