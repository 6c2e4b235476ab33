/** React hooks over the client: one for the connection, one for what to do with an event. */
import { useEffect, useRef, useState } from 'react';
import { connect, type Client, type ConnectOptions, type EventMap, type State } from 'hashi-socket/client';

/**
 * Connects while the component is there. A new `url` connects anew; `token` may change freely.
 *
 *     const { client, state } = useHashi({ url: 'wss://example.org/', token: getAccessToken });
 *     useHashiEvent(client, 'contract.initialized', (event) => refresh(event.contractId));
 *     useHashiEvent(client, 'gap', () => refreshEverything());
 */
export function useHashi(options: ConnectOptions): { client: Client | null; state: State } {
  const latest = useRef(options);
  const [client, setClient] = useState<Client | null>(null);
  const [state, setState] = useState<State>('connecting');

  useEffect(() => {
    latest.current = options;
  });

  useEffect(() => {
    // In an effect and not in a ref: Strict Mode mounts twice, and each mount closes what it has opened.
    const opened = connect({ ...latest.current, token: () => latest.current.token() });
    opened.on('state', (change) => setState(change.state));
    setClient(opened);
    return () => opened.close();
  }, [options.url]);

  return { client, state };
}

/** Calls `listener`, always the newest one, for events by type, by family, or of the client itself. */
export function useHashiEvent<Name extends keyof EventMap>(
  client: Client | null,
  name: Name,
  listener: (value: EventMap[Name]) => unknown,
): void {
  const latest = useRef(listener);
  useEffect(() => {
    latest.current = listener;
  });
  useEffect(() => client?.on(name, (value) => latest.current(value)), [client, name]);
}
