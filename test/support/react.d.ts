/** What the hooks in examples/react use of React, as its own types have it: neither is a dependency. */
declare module 'react' {
  export function useEffect(effect: () => void | (() => void), deps?: readonly unknown[]): void;
  export function useRef<T>(initial: T): { current: T };
  export function useState<T>(initial: T): [T, (next: T | ((before: T) => T)) => void];
}
