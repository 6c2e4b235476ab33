/** Every defence that the mutation check takes away. */
import { bellMutations } from './bell.js';
import { deliveryMutations } from './delivery.js';
import { faultMutations } from './faults.js';
import { hostileMutations } from './hostile.js';
import { limitMutations } from './limits.js';
import { logMutations } from './log.js';
import type { Mutation } from './mutation.js';
import { roleMutations } from './roles.js';
import { roomMutations } from './rooms.js';
import { strangerMutations } from './strangers.js';
import { webMutations } from './web.js';

export const allMutations: readonly Mutation[] = [
  ...bellMutations,
  ...logMutations,
  ...deliveryMutations,
  ...faultMutations,
  ...hostileMutations,
  ...limitMutations,
  ...roleMutations,
  ...roomMutations,
  ...strangerMutations,
  ...webMutations,
];
