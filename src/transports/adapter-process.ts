/** What the adapters of this server share: the log is read, kept and installed by others. */
import type { Server } from 'socket.io';
import { settingsOf } from '../adapter/options.js';
import { AdapterProcess, type SharedLog } from '../adapter/process.js';
import type { Feed } from '../log/feed.js';
import type { History } from '../log/history.js';
import { parseCursor } from '../log/position.js';
import type { EncodeEvent } from '../protocol/emitted.js';
import { serverPrefix } from '../routing/emits.js';
import type { Logger } from '../telemetry/logger.js';
import { sessionIdIn } from './session-id.js';

/** `Packet.type` of an event in Socket.IO's protocol. */
const eventPacket = 2;

export function openAdapters(
  { databaseUrl, logger }: { databaseUrl: string; logger: Logger },
  log: SharedLog,
): AdapterProcess {
  const settings = settingsOf(
    { connectionString: databaseUrl },
    {
      channelPrefix: serverPrefix,
      // What these send is in no log: it would be lost with a connection.
      emitters: 'off',
      install: false,
      retentionHours: Number.POSITIVE_INFINITY,
      errorHandler: (error) => logger.warn({ err: error }, 'messages between instances'),
    },
  );
  return new AdapterProcess(settings, log);
}

/** As an event of the default namespace. */
export const encoderOf =
  ({ encoder }: Server): EncodeEvent =>
  (data) =>
    encoder.encode({ type: eventPacket, nsp: '/', data }) as (string | Buffer)[];

/** Which session a client may take up: the one its private id names, if all that it missed is kept. */
export const restoring =
  (feed: Feed, history: History) =>
  async (privateId: string, offset: string): Promise<{ sid: string; pid: string } | null> => {
    const sid = sessionIdIn(privateId);
    const position = parseCursor(offset);
    // While the database does not answer nobody knows, nor which one will: the client may have been told of a new epoch by
    // an instance that has found it. It is found out before the replay.
    const held =
      position !== null &&
      (feed.trouble() !== null ||
        (position.epoch === feed.epoch &&
          (await history.holds(position.seq, position.mark).catch((_silent: unknown) => true))));
    return sid !== null && held ? { sid, pid: privateId } : null;
  };
