/** Codes of errors that a close follows, whose reason says the same. By their beginnings, which are fewer bytes. */
export const ending = /^(AUTH|TOKEN|TOO_MANY_C|SLOW|SERVER|INT)/;
