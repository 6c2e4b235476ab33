/** Reads the settings for a command that talks to a person: warnings go to standard error as plain lines. */
import { loadConfig, type LoadedConfig } from '../config.js';

/** @throws OperatorError when a setting is wrong */
export function readSettings(
  warn: (text: string) => void = (text) => void process.stderr.write(text),
): LoadedConfig {
  const loaded = loadConfig();
  for (const warning of loaded.warnings) warn(`warning: ${warning}\n`);
  return loaded;
}
