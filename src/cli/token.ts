/** `token`: mints a token for a player with the development key. */
import { InvalidArgumentError, type Command } from 'commander';
import { createAuth } from '../auth/index.js';
import type { Config } from '../config.js';
import { OperatorError } from '../errors.js';
import { print } from './print.js';
import { readSettings } from './settings.js';

interface Options {
  readonly player: string;
  readonly expiresIn: number;
  readonly json?: true;
}

export function register(program: Command): void {
  program
    .command('token')
    .description('Print a token for a player, signed with the development key.')
    .requiredOption('--player <id>', "the player's id, the token's sub", nonEmpty)
    .option(
      '--expires-in <seconds>',
      'how long it is valid; less than 0 makes one that has run out',
      seconds,
      86_400,
    )
    .option('--json', 'print {"token", "playerId", "expiresAt"}')
    .addHelpText(
      'after',
      `
Examples:
  $ hashi-socket token --player alice
  $ hashi-socket token --player alice --expires-in 60 --json`,
    )
    .action(async ({ player, expiresIn, json }: Options, command: Command) => {
      const expiresAt = new Date(Math.floor(Date.now() / 1000 + expiresIn) * 1000).toISOString();
      const token = await mintToken(readSettings().config, player, expiresIn);
      print(command, json === true ? JSON.stringify({ token, playerId: player, expiresAt }) : token);
    });
}

/** @throws OperatorError outside development mode: nobody but the issuer can sign those tokens */
export async function mintToken(
  config: Config,
  playerId: string,
  expiresInSeconds?: number,
): Promise<string> {
  const { authPublicKey, authJwksUrl, privyAppId } = config;
  // Asked before createAuth, which would begin to fetch the keys.
  if ((authPublicKey ?? authJwksUrl ?? privyAppId) === undefined) {
    const { mint } = await createAuth(config);
    if (mint !== undefined) {
      return mint({ playerId, ...(expiresInSeconds === undefined ? {} : { expiresInSeconds }) });
    }
  }
  throw new OperatorError(
    'Tokens can be minted in development mode alone: unset PRIVY_APP_ID, AUTH_JWKS_URL and AUTH_PUBLIC_KEY, or take a token from your issuer.',
  );
}

function seconds(text: string): number {
  if (!/^-?\d{1,10}$/.test(text)) throw new InvalidArgumentError('It must be a whole number of seconds.');
  return Number(text);
}

function nonEmpty(text: string): string {
  if (text.trim() === '') throw new InvalidArgumentError('It must not be empty.');
  return text;
}
