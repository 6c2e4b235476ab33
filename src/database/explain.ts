/** Says in one sentence why the database cannot be used, and what to do; never with the password in it. */

/** The URL without what must not be shown: the password, and whatever the query holds. */
export function redactUrl(url: string): string {
  const parsed = parse(url);
  if (parsed === undefined) return '(not a URL)';
  const user = parsed.username === '' ? '' : parsed.username + (parsed.password === '' ? '' : ':***') + '@';
  const names = [...new Set(parsed.searchParams.keys())];
  const query =
    names.length === 0 ? '' : '?' + names.map((name) => `${encodeURIComponent(name)}=***`).join('&');
  return `${parsed.protocol}//${user}${parsed.host}${parsed.pathname}${query}`;
}

/** @param error whatever connecting to `url`, or the first query, failed with */
export function describeDatabaseError(error: unknown, url: string): string {
  const cause = rootOf(error);
  const parsed = parse(url);
  if (parsed === undefined || cause.code === 'ERR_INVALID_URL') {
    return 'DATABASE_URL is not a URL: write it like postgres://user:password@localhost:5432/hashi';
  }
  const target: Target = {
    shown: redactUrl(url),
    host: parsed.hostname || 'the local socket',
    address: `${parsed.hostname || 'the local socket'}:${parsed.port || '5432'}`,
    user: decode(parsed.username) || '(none)',
    database: decode(parsed.pathname.slice(1)) || decode(parsed.username),
  };
  return byCode(cause, target) ?? byMessage(cause, target) ?? otherwise(cause, target, parsed);
}

interface Target {
  readonly shown: string;
  readonly host: string;
  readonly address: string;
  readonly user: string;
  readonly database: string;
}

interface Cause {
  readonly code: string;
  readonly message: string;
}

function byCode({ code, message }: Cause, target: Target): string | undefined {
  const { host, address, user, database, shown } = target;
  switch (code) {
    case 'ECONNREFUSED':
      return `Nothing listens on ${address}: start Postgres there, or correct host and port in DATABASE_URL (${shown})`;
    case 'ENOENT':
    case 'EACCES':
      return `The socket of Postgres cannot be opened (${code}): start it, or correct the host in DATABASE_URL (${shown})`;
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return `The host name ${host} cannot be resolved: correct it in DATABASE_URL (${shown}), or mend the name service`;
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
    case 'ETIMEDOUT':
      return noAnswer(target);
    case 'ECONNRESET':
    case 'EPIPE':
      return hungUp(target);
    case '28P01':
      return `Postgres at ${address} refuses user ${user} or the password: correct them in DATABASE_URL (${shown})`;
    case '28000':
      return /no encryption|SSL off/.test(message)
        ? `Postgres at ${address} takes user ${user} over TLS only: add sslmode=require to DATABASE_URL (${shown})`
        : `Postgres at ${address} does not let user ${user} in from here: create the role, or allow it in pg_hba.conf (${shown})`;
    case '3D000':
      return `The database ${database} does not exist at ${address}: create it, or correct the name in DATABASE_URL (${shown})`;
    case '53300':
      return `Postgres at ${address} has no connection left: raise max_connections, or use fewer instances or smaller pools`;
    case '57P03':
      return `Postgres at ${address} is starting up or shutting down: try again in a moment`;
    case '42501':
      return `User ${user} lacks a right in database ${database} (${message}): grant it, or connect as another user`;
    default:
      return /^(SELF_SIGNED|DEPTH_ZERO|UNABLE_TO_|CERT_|ERR_TLS_CERT)/.test(code)
        ? untrusted(code, target)
        : undefined;
  }
}

function byMessage({ message }: Cause, target: Target): string | undefined {
  const { address, shown } = target;
  if (/does not support SSL/.test(message)) {
    return `Postgres at ${address} speaks no TLS: take sslmode out of DATABASE_URL (${shown}), or switch ssl on there`;
  }
  if (/client password must be a string|empty string/.test(message)) {
    return `Postgres at ${address} asks for a password: put one into DATABASE_URL (${shown})`;
  }
  if (/timeout/i.test(message)) return noAnswer(target);
  if (/terminated unexpectedly|closed the connection/i.test(message)) return hungUp(target);
  if (
    /invalid response|SSL connection|unexpected message|authenticationOk|wrong version number|packet length/i.test(
      message,
    )
  ) {
    return notPostgres(target);
  }
  return undefined;
}

function noAnswer({ address, shown }: Target): string {
  return `${address} does not answer as Postgres in time: check host, port and firewall in DATABASE_URL (${shown})`;
}

function hungUp({ address, shown }: Target): string {
  return `${address} closed the connection before it was set up: check that it is Postgres and not restarting (${shown})`;
}

function notPostgres({ address, shown }: Target): string {
  return `What listens on ${address} is not Postgres: correct host and port in DATABASE_URL (${shown})`;
}

function untrusted(code: string, { address, shown }: Target): string {
  return (
    `The certificate of Postgres at ${address} is not trusted (${code}): give its authority by sslrootcert=FILE in ` +
    `DATABASE_URL, or encrypt without checking by sslmode=no-verify (${shown})`
  );
}

/** The error's own text, unless somebody put the password into it. */
function otherwise({ code, message }: Cause, { address }: Target, parsed: URL): string {
  let text = message;
  for (const secret of [parsed.password, decode(parsed.password)]) {
    if (secret !== '') text = text.replaceAll(secret, '***');
  }
  return `The database at ${address} cannot be used: ${text || code || 'it did not say why'}`;
}

/** Node reports one failure for each address of a host in an AggregateError whose own message is empty. */
function rootOf(error: unknown): Cause {
  if (error instanceof AggregateError && error.errors.length > 0) return rootOf(error.errors[0]);
  if (!(error instanceof Error)) return { code: '', message: String(error) };
  const code = (error as NodeJS.ErrnoException).code;
  if (code === undefined && error.cause instanceof Error) return rootOf(error.cause);
  return { code: code ?? '', message: error.message };
}

function parse(url: string): URL | undefined {
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  return parsed !== undefined && /^postgres(ql)?:$/.test(parsed.protocol) ? parsed : undefined;
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // a bare % in a password: it is meant as it stands
  }
}
