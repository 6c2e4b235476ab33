/** Who is in which room, and how much one client may ask for: each defence with a change that takes it away. */
import type { Mutation } from './mutation.js';

const subscriptions = 'test/conformance/subscriptions.test.ts';
const limits = 'test/conformance/limits.test.ts';
const floods = 'test/hostile/floods.test.ts';
const guessing = 'test/hostile/guessing.test.ts';
const slow = 'test/hostile/slow-readers.test.ts';
const strangers = 'test/hostile/strangers.test.ts';
const stolen = 'test/hostile/stolen-session.test.ts';

export const roomMutations: readonly Mutation[] = [
  {
    name: 'hostile: refuse as soon as it is known',
    file: 'src/routing/subscriptions.ts',
    from: `if (outcome === 'SUBSCRIBE_DENIED') await refusal;`,
    to: 'refusal.catch(() => undefined);',
    test: 'test/faults/subscriptions.test.ts',
    only: 'comes no sooner',
  },
  {
    name: `hostile: take a player's id for a pattern`,
    file: 'src/routing/memberships.ts',
    from: '`where p.${ident(player)} = any (${playersAs(playerType)})`',
    to: '`where p.${ident(player)} like any (${playersAs(playerType)})`',
    test: 'test/hostile/names.test.ts',
  },
  {
    name: 'hostile: let anybody subscribe to any lobby',
    file: 'src/routing/subscriptions.ts',
    from: 'if (!found || !(await this.allows(connection.playerId, found)))',
    to: 'if (!found)',
    test: subscriptions,
    only: 'denies in the same words',
  },
  {
    name: 'hostile: do not ask canSubscribe',
    file: 'src/routing/subscriptions.ts',
    from: '(await this.options.canSubscribe?.({ playerId, lobbyId, lobbyCode, allowed })) ?? allowed',
    to: 'allowed || (playerId + lobbyId + lobbyCode).length === 0',
    test: 'test/api/server.test.ts',
    only: 'canSubscribe',
  },
  {
    name: 'hostile: let spectators stay in a lobby that turns private',
    file: 'src/routing/router.ts',
    from: 'if (connection.memberships.has(room) || mayHold(rights, connection.playerId)) continue;',
    to: 'if (connection.memberships.has(room) || !mayHold(rights, connection.playerId)) continue;',
    test: subscriptions,
    only: 'turns private',
  },
  {
    name: 'hostile: keep what was subscribed to when its player leaves',
    file: 'src/routing/router.ts',
    from: `          if (connection.live) this.evict(connection, room);
          else {`,
    to: `          if (connection.subscriptions.has(room)) continue;
          if (connection.live) this.evict(connection, room);
          else {`,
    test: subscriptions,
    only: 'leaves the',
  },
  {
    name: 'hostile: do not tell that rights have changed',
    file: 'src/catalog/triggers.ts',
    from: 'const note = `ending := old.${ident(room)}::text;`;',
    to: 'const note = `ending := null::text; /* ${ident(room)} */`;',
    test: subscriptions,
    only: 'turns private',
  },
  {
    name: 'hostile: say which lobbies are there',
    file: 'src/routing/subscriptions.ts',
    from: 'allows(connection.playerId, found))) return',
    to: `allows(connection.playerId, found))) return found ? 'TOO_MANY_SUBSCRIPTIONS' :`,
    test: guessing,
    only: 'same answer',
  },
  {
    name: 'hostile: take longer for lobbies that are there',
    file: 'src/routing/memberships.ts',
    from: 'if (!found?.id) return null;',
    to: `if (!found?.id) return null;
    await new Promise((resolve) => setTimeout(resolve, 20));`,
    test: guessing,
    only: 'takes as long',
  },
  {
    name: 'hostile: let a client subscribe to any number of lobbies',
    file: 'src/routing/subscriptions.ts',
    from: 'connection.subscriptions.size >= maxSubscriptions',
    to: 'connection.subscriptions.size < maxSubscriptions - maxSubscriptions',
    test: limits,
    only: 'TOO_MANY_SUBSCRIPTIONS',
  },
  {
    name: 'hostile: let a player connect any number of times',
    file: 'src/transports/player-places.ts',
    from: `if (taken - ends >= this.options.maxConnectionsPerPlayer) throw new ProtocolError('TOO_MANY_CONNECTIONS');`,
    to: '',
    test: limits,
    only: 'TOO_MANY_CONNECTIONS',
  },
  {
    name: `hostile: keep a player's place for a client that was gone before its token was good`,
    file: 'src/transports/sessions.ts',
    from: `if (conn.readyState !== 'open') throw new ProtocolError('AUTH_ERROR');`,
    to: '',
    test: 'test/hostile/race.test.ts',
    only: 'no place',
  },
  {
    name: 'hostile: let a raw client talk on after it was told',
    file: 'src/transports/raw-socket.ts',
    from: `if (verdict === 'close') connection.wire.close(closeCodes.TOO_MANY, 'RATE_LIMITED');`,
    to: '',
    test: limits,
    only: 'closes with 4429',
  },
  {
    name: 'hostile: let a Socket.IO client talk on after it was told',
    file: 'src/transports/socketio-socket.ts',
    from: `if (verdict === 'close') connection.wire.close(closeCodes.TOO_MANY, 'RATE_LIMITED');`,
    to: '',
    test: limits,
    only: 'closes with 4429',
  },
  {
    name: 'hostile: take as many messages as come',
    file: 'src/transports/rate.ts',
    from: 'if (this.tokens >= 1 && !full) {',
    to: 'if (!full) {',
    test: floods,
    only: 'talks too much',
  },
  {
    name: 'hostile: let requests pile up while the database is slow',
    file: 'src/transports/in-order.ts',
    from: 'return this.waiting >= this.mostWaiting;',
    to: 'return this.waiting > Number.MAX_SAFE_INTEGER;',
    test: floods,
    only: 'only so much at a time',
  },
  {
    name: 'hostile: keep all that is said before the token is checked',
    file: 'src/transports/raw-engine.ts',
    from: 'if (this.early.length < maxEarly &&',
    to: 'if (this.early.length >= 0 || maxEarly < 0 ||',
    test: strangers,
    only: 'before it is let in',
  },
  {
    name: 'hostile: take any number of packets that ask to be let in',
    file: 'src/transports/engine-guard.ts',
    from: 'if (this.connects > maxConnectPackets || this.rate.take()',
    to: `if (this.connects === maxConnectPackets * -1 || (kind === connectPacket ? 'ok' : this.rate.take())`,
    test: floods,
    only: 'other namespaces',
  },
  {
    name: 'hostile: let in twice who asks twice',
    file: 'src/transports/sessions.ts',
    from: `if (!first) throw new ProtocolError('AUTH_ERROR');`,
    to: '',
    test: floods,
    only: 'one at a time',
  },
  {
    name: 'hostile: keep everything for Socket.IO clients that do not read a websocket',
    file: 'src/transports/socketio-wire.ts',
    from: 'if (bytes.behind && bytes.unsent > this.maxUnsentBytes) return false;',
    to: '',
    test: slow,
    only: 'stop reading',
  },
  {
    name: 'hostile: keep everything for Socket.IO clients that do not poll',
    file: 'src/transports/socketio-wire.ts',
    from: 'if (this.buffered > this.maxUnsentBytes) return false;',
    to: '',
    test: slow,
    only: 'stop reading',
  },
  {
    name: 'hostile: acknowledge whoever asks and does not read',
    file: 'src/transports/socketio-socket.ts',
    from: `if (connection.wire.tooSlow()) return connection.fail('SLOW_CONSUMER');`,
    to: '',
    test: floods,
    only: 'acknowledgements by websocket',
  },
  {
    name: 'hostile: send events of any size',
    file: 'src/realtime.ts',
    from: 'new EntryMessages(familiesByEvent(catalog), config.maxEventBytes,',
    to: 'new EntryMessages(familiesByEvent(catalog), Number.MAX_SAFE_INTEGER,',
    test: 'test/hostile/oversize.test.ts',
  },
  {
    name: `hostile: take up a session with another player's token`,
    file: 'src/transports/sessions.ts',
    from: 'isPrivateIdOf(inside.pid, secret, sid, playerId)',
    to: `(isPrivateIdOf(inside.pid, secret, sid, playerId) || secret !== '')`,
    test: stolen,
    only: 'another player',
  },
];
