/** Every defence that the mutation check takes away. */
import { faultMutations } from './faults.js';
import { hostileMutations } from './hostile.js';
import { limitMutations } from './limits.js';
import { mutations, type Mutation } from './mutations.js';
import { roleMutations } from './roles.js';
import { roomMutations } from './rooms.js';
import { strangerMutations } from './strangers.js';
import { webMutations } from './web.js';

export const allMutations: readonly Mutation[] = [
  ...mutations,
  ...faultMutations,
  ...hostileMutations,
  ...limitMutations,
  ...roleMutations,
  ...roomMutations,
  ...strangerMutations,
  ...webMutations,
];
