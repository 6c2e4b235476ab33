/** What the adapters of this server share: the log is read, kept and installed by others. */
import type { Server } from 'socket.io';
import { settingsOf } from '../adapter/options.js';
import { AdapterProcess, type SharedLog } from '../adapter/process.js';
import type { EncodeEvent } from '../protocol/emitted.js';
import { serverPrefix } from '../routing/emits.js';
import type { Logger } from '../telemetry/logger.js';

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
