/** Packets of Socket.IO that are wrong, by websocket and by polling: answered with a code or closed, and nobody else notices. */
import { describe, expect, it } from 'vitest';
import { honest, server, token, watchBystander } from './bystander.js';
import { eventually } from './observe.js';
import { engineWire, frame, pollingSession, socketIoWire } from './wire.js';

watchBystander({});

const deep = (open: string, close: string, depth: number) => open.repeat(depth) + close.repeat(depth);

/** What polls bring, until it holds this. */
async function polled(session: string, part: string): Promise<string> {
  for (let seen = ''; ;) {
    const poll = await fetch(session);
    if (!poll.ok) throw new Error(`the session ended with ${poll.status} after: ${seen}`);
    const packets = await poll.text();
    if (packets === '2') await fetch(session, { method: 'POST', body: '3' });
    seen += packets;
    if (seen.includes(part)) return seen;
  }
}

describe('Socket.IO packets', () => {
  /** Answered in one way or another, or closed: but never more. */
  it.each([
    '42["connect"]',
    '42["disconnect"]',
    '42["disconnecting"]',
    '42["newListener"]',
    '42["connect_error"]',
    '42[]',
    '42{}',
    '42',
    '42[',
    '42"ping"',
    '451-["ping",{"_placeholder":true,"num":0}]',
    '4599-["ping"]',
    '450-["ping"]',
    '45-1-["ping"]',
    '45["ping"]',
    '461-1["x",{"_placeholder":true,"num":0}]',
    '44{"message":"no"}',
    '49[]',
    '4',
    '4a',
    '40',
    '0{}',
    '6',
    'b',
    'bAAAA',
    '2',
    '5',
    '9999',
    '\u{1f600}',
  ])('survives %s', async (packet) => {
    for (const wire of [await engineWire(server), await socketIoWire(server, token)]) {
      wire.send(frame(packet));
      // Text where a binary attachment was announced is the end of it.
      wire.send(frame('42["ping"]'));
      wire.send(frame('', { first: 0x88 }));
      await wire.over;
    }
  });

  it.each(['41', '43', '431[]', '43999999999999999999999[null]', '42/other,["ping"]', '41/other,'])(
    'goes on after %s, or ends',
    async (packet) => {
      const wire = await socketIoWire(server, token);
      wire.send(frame(packet));
      wire.send(frame('', { first: 0x88 }));
      await wire.over;
    },
  );

  it('refuses another namespace with a packet, and lets the client go on', async () => {
    const wire = await socketIoWire(server, token);
    wire.send(frame('40/admin,{"token":"x"}'));
    await wire.seen('44/admin,{"message":"Invalid namespace"}');
    wire.send(frame('42["ping"]'));
    await wire.seen('42["pong"');
    wire.reset();
  });

  const events: [string, string][] = [
    ['[1]', 'UNKNOWN_TYPE'],
    ['["__proto__"]', 'UNKNOWN_TYPE'],
    ['["error","x"]', 'UNKNOWN_TYPE'],
    ['["message"]', 'UNKNOWN_TYPE'],
    ['["ping\\u0000"]', 'UNKNOWN_TYPE'],
    ['["\\ud800"]', 'UNKNOWN_TYPE'],
    ['["subscribe"]', 'INVALID_MESSAGE'],
    ['["subscribe",[]]', 'INVALID_MESSAGE'],
    ['["subscribe",1e999]', 'INVALID_MESSAGE'],
    [`["subscribe",${'9'.repeat(5000)}]`, 'INVALID_MESSAGE'],
    ['["subscribe",{"lobbyId":1e999}]', 'INVALID_MESSAGE'],
    [`["subscribe",${deep('[', ']', 7000)}]`, 'INVALID_MESSAGE'],
    [`["subscribe",${'{"lobbyId":'.repeat(1000)}1${'}'.repeat(1000)}]`, 'INVALID_MESSAGE'],
    ['["subscribe",{"__proto__":{"lobbyId":"x"}}]', 'INVALID_MESSAGE'],
    ['["subscribe",{"lobbyId":"a\\u0000"}]', 'INVALID_MESSAGE'],
    ['["subscribe",{"lobbyId":"\\ud800"}]', 'INVALID_MESSAGE'],
    ['["subscribe",{"lobbyId":"nobody","lobbyId":7}]', 'INVALID_MESSAGE'],
    ['["subscribe",{"lobbyId":7,"lobbyId":"nobody"}]', 'SUBSCRIBE_DENIED'],
    ['["subscribe",{"lobbyId":"nobody"},{"lobbyId":"nobody"}]', 'SUBSCRIBE_DENIED'],
  ];

  it.each(events)('answers the event %s with a code, by websocket', async (event, code) => {
    const wire = await socketIoWire(server, token);
    wire.send(frame(`427${event}`));
    expect(await wire.seen(/437\[.*\]/)).toContain(`"code":"${code}"`);
    wire.reset();
  });

  it.each(events)('answers the event %s with a code, by polling', async (event, code) => {
    const session = await pollingSession(server, token);
    await fetch(session, { method: 'POST', body: `427${event}` });
    expect(await polled(session, '437[')).toContain(`"code":"${code}"`);
    await fetch(session, { method: 'POST', body: '1' });
  });

  it('waits for attachments that never come without holding anything up, by websocket', async () => {
    const wire = await socketIoWire(server, token);
    wire.send(frame('452-["subscribe",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]'));
    wire.send(frame('one of two', { first: 0x82 }));
    await honest.event();
    await wire.seen(`"chainId":${honest.sent},`);
    // Whatever else it says first is the end of it.
    wire.send(frame('42["ping"]'));
    await wire.over;
  });

  it('waits for attachments that never come without holding anything up, by polling', async () => {
    const session = await pollingSession(server, token);
    await fetch(session, {
      method: 'POST',
      body: '452-["subscribe",{"_placeholder":true,"num":0}]\x1ebAAAA',
    });
    await honest.event();
    await polled(session, `"chainId":${honest.sent},`);
    await fetch(session, { method: 'POST', body: '42["ping"]' });
    // The close packet at the most; after that there is no such session.
    await eventually(
      () => fetch(session).then(({ status }) => status),
      (status) => status === 400,
    );
  });

  it.each(['4511-', '45100000-', '45-1-', '450x-'])(
    'takes no packet of so many attachments: %s',
    async (head) => {
      const wire = await socketIoWire(server, token);
      wire.send(frame(`${head}["subscribe"]`));
      await wire.over;
    },
  );
});
