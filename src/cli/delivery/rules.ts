/** The rules of who receives an entry of the log, in the order in which the router goes by them, in words. */
import { everyoneRoom } from '../../log/entry.js';
import { isLobbyRoom, lobbyOf } from '../../routing/rooms.js';
import type { ExplainedEntry } from './entry.js';
import type { Membership } from './membership.js';

export interface Question {
  readonly entry: ExplainedEntry;
  readonly player: string;
  readonly membership: Membership;
  /** It may have had the right to subscribe. */
  readonly subscribable: boolean;
  /** The catalogue has this event. */
  readonly known: boolean;
  readonly maxEventBytes: number;
}

export interface Decision {
  /** `subscription`: to those of the player's connections that had subscribed. */
  readonly sent: 'yes' | 'no' | 'subscription';
  /** Stable words for programs. */
  readonly rule:
    'internal' | 'everyone' | 'member' | 'own-join' | 'own-leave' | 'addressed' | 'nobody' | 'not-a-member';
  readonly reason: string;
}

export function decide(question: Question): Decision {
  const { entry } = question;
  if (entry.effect === 'rights' || entry.effect === 'ended') {
    return {
      sent: 'no',
      rule: 'internal',
      reason: 'It is a note from the server to itself: no client is sent anything for it.',
    };
  }
  const decision = byAudience(question);
  const form = formOf(question);
  return form === null ? decision : { ...decision, reason: `${decision.reason} ${form}` };
}

function byAudience({ entry, player, membership, subscribable }: Question): Decision {
  const { room, effect, member } = entry;
  if (room === everyoneRoom) {
    return { sent: 'yes', rule: 'everyone', reason: 'Its audience is every connected client.' };
  }
  if (room !== null && membership.member) {
    if (effect === 'join' && member === player) {
      return {
        sent: 'yes',
        rule: 'own-join',
        reason: `It is ${player}'s own join, which takes effect before it is sent.`,
      };
    }
    if (effect === 'leave' && member === player) {
      return {
        sent: 'yes',
        rule: 'own-leave',
        reason: `It is ${player}'s own leave, the last of this room that ${player} is sent.`,
      };
    }
    return {
      sent: 'yes',
      rule: 'member',
      reason: `${player} was in ${nameOf(room)} then: ${proof(membership)}.`,
    };
  }
  if (entry.player === player) {
    return {
      sent: 'yes',
      rule: 'addressed',
      reason: `It is addressed to ${player} besides its room: a new lobby's host is told.`,
    };
  }
  if (room === null) {
    return entry.player === null
      ? { sent: 'no', rule: 'nobody', reason: 'Its audience is nobody: its contract was in no lobby.' }
      : { sent: 'no', rule: 'nobody', reason: `It is addressed to ${entry.player} alone.` };
  }
  const reason = `${player} was not in ${nameOf(room)} then: ${proof(membership)}.`;
  return subscribable
    ? {
        sent: 'subscription',
        rule: 'not-a-member',
        reason: `${reason} A connection was sent it only if it had subscribed, which a mediator of the lobby's contracts may, and anybody while the lobby is public.`,
      }
    : {
        sent: 'no',
        rule: 'not-a-member',
        reason: `${reason} Nor could it subscribe: the lobby is not public, and it mediates none of its contracts.`,
      };
}

function proof({ member, since, until }: Membership): string {
  if (since?.effect === 'ended') {
    return member
      ? `its membership ended with the lobby, and this event tells of that`
      : `its membership ended with the lobby (#${since.seq})`;
  }
  if (since) return since.effect === 'join' ? `it had joined (#${since.seq})` : `it had left (#${since.seq})`;
  if (until)
    return until.effect === 'join' ? `it joined later (#${until.seq})` : `it left later (#${until.seq})`;
  return member
    ? 'it is a member, and no join or leave since is on record'
    : 'it is no member, and no join or leave is on record';
}

const resyncs = new Map([
  ['realtime.truncated', 'a table was truncated'],
  ['realtime.restored', 'a dump was loaded'],
  ['realtime.resync', 'an operator asked for it'],
]);

/** When something else than the event itself went out; null when it was the event. */
function formOf({ entry, known, maxEventBytes }: Question): string | null {
  if (entry.failure !== null) {
    return `What was sent is RESYNC_REQUIRED, for the event could not be built (${entry.failure}).`;
  }
  const resync = resyncs.get(entry.type);
  if (resync !== undefined) return `What was sent is RESYNC_REQUIRED: ${resync}.`;
  if (entry.data === null || !known) {
    return 'What was sent is RESYNC_REQUIRED: the catalogue has no such event.';
  }
  if (Buffer.byteLength(entry.data) > maxEventBytes) {
    return `What was sent is RESYNC_REQUIRED: the event has more than HASHI_MAX_EVENT_BYTES (${maxEventBytes}).`;
  }
  return null;
}

const nameOf = (room: string): string =>
  isLobbyRoom(room) ? `the lobby ${lobbyOf(room)}` : `the room ${room}`;
