/** `hashi-socket/adapter`: a Socket.IO adapter on the ordered log, for any Socket.IO server. */
export { createAdapter, type AdapterFactory } from './create.js';
export { LogAdapter } from './adapter.js';
export type { AdapterOptions } from './options.js';
