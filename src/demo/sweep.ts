/** Removes what a demo has left behind, known by marks that only the demo writes. */
import { step } from './steps.js';

export const sweep = [
  step(`delete from storage where contract_id in (select id from contracts where terms @> '{"demo": true}')`),
  step(`delete from contracts where terms @> '{"demo": true}'`),
  step(`delete from lobbies where code ~ '^DEMO[0-9A-Z]{4}$'`),
  step(`delete from bounties where token = 'DEMO'`),
];
