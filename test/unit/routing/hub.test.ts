import { describe, expect, it } from 'vitest';
import { ErrorMessage } from '../../../src/protocol/error-message.js';
import { fakeConnection, fakeHub, message } from './fakes.js';

describe('Hub', () => {
  it('writes once a flush to each, in order, one shared buffer for those who are due the same', () => {
    const { hub, live, delivered } = fakeHub();
    const [a, b, c] = [live('a', 'r'), live('b', 'r'), live('c')];
    hub.deliver(message('1'), hub.everyone);
    hub.deliver(message('2'), hub.inRoom('r'));
    hub.flush();
    expect(a.wire.writes).toEqual([['1', '2']]);
    expect(b.wire.writes).toEqual([['1', '2']]);
    expect(c.wire.writes).toEqual([['1']]);
    expect(a.wire.buffers[0]).toBe(b.wire.buffers[0]);
    expect(delivered).toEqual([[5, 0]]);
  });

  it('writes nothing when nothing is due', () => {
    const { hub, live, delivered } = fakeHub();
    const a = live('a');
    hub.flush();
    hub.deliver(message('1'), hub.inRoom('nobody is here'));
    hub.flush();
    expect(a.wire.writes).toEqual([]);
    expect(delivered).toEqual([]);
  });

  it('passes over connections that are not live, or closed before the flush', () => {
    const { hub, live } = fakeHub();
    const [admitting, gone] = [fakeConnection('a'), live('b')];
    hub.add(admitting);
    hub.deliver(message('1'), [admitting, gone]);
    hub.remove(gone);
    hub.flush();
    expect(admitting.wire.writes).toEqual([]);
    expect(gone.wire.writes).toEqual([]);
  });

  it('reports to how many an error became due: the live ones', () => {
    const { hub, live, told } = fakeHub();
    const connections = [live('a', 'r'), live('b', 'r'), live('c'), fakeConnection('d')];
    for (const connection of connections) hub.add(connection);
    const error = new ErrorMessage('RESYNC_REQUIRED');
    hub.deliverToAll(error);
    hub.deliver(error, hub.inRoom('r'));
    hub.deliver(error, connections);
    hub.deliver(message('1'), connections);
    hub.deliverToAll(error);
    hub.flush();
    expect(told).toEqual([3, 2, 3, 3].map((many) => ['RESYNC_REQUIRED', many]));
  });

  it('reports who does not take its bytes, and goes on with the others', () => {
    const { hub, live, slow, delivered } = fakeHub();
    const [a, b] = [live('a'), live('b')];
    a.wire.takes = false;
    hub.deliver(message('1'), hub.everyone);
    hub.flush();
    expect(slow).toEqual([a]);
    expect(b.wire.texts).toEqual(['1']);
    expect(delivered).toEqual([[1, 0]]);
  });

  it('reports a connection whose write throws, and goes on with the others', () => {
    const { hub, live, broken } = fakeHub();
    const [a, b] = [live('a'), live('b')];
    const error = new Error('our bug');
    a.wire.writeBatch = () => {
      throw error;
    };
    hub.deliver(message('1'), hub.everyone);
    hub.flush();
    expect(broken).toEqual([error]);
    expect(b.wire.texts).toEqual(['1']);
  });

  it('takes what a write makes due into the next flush', () => {
    const { hub, live } = fakeHub();
    const [a, b] = [live('a'), live('b')];
    const write = a.wire.writeBatch.bind(a.wire);
    a.wire.writeBatch = (batch) => {
      if (a.wire.writes.length === 0) hub.deliver(message('2'), [b]);
      return write(batch);
    };
    hub.deliver(message('1'), [a]);
    hub.flush();
    expect(b.wire.texts).toEqual([]);
    hub.flush();
    expect(b.wire.texts).toEqual(['2']);
  });

  it('keeps no empty room and no player without connections', () => {
    const { hub, door, live } = fakeHub();
    const a = live('p', 'r');
    expect([...hub.roomNames()]).toEqual(['r']);
    expect([...hub.ofPlayer('p')]).toEqual([a]);
    door.leave(a, 'r');
    hub.remove(a);
    expect([...hub.roomNames()]).toEqual([]);
    expect(hub.ofPlayer('p').size).toBe(0);
    expect(hub.everyone.size).toBe(0);
    expect(a.closed).toBe(true);
    door.leave(a, 'never there');
    hub.remove(a);
  });
});
