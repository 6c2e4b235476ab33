/** The results as a picture for the README: a panel of bars for each measurement, ours in colour. */
import { number } from './compare.js';
import type { Figure, Measurement } from './part.js';

const width = 880;
const margin = 24;
const columns = 2;
const gap = 32;
const barHeight = 16;
const barStep = 24;
const headHeight = 58;
const nameWidth = 172;
const valueWidth = 60;

const escape = (text: string) =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');

const heightOf = ({ figures }: Measurement) => headHeight + figures.length * barStep;

export function picture(
  parts: readonly {
    readonly part: string;
    readonly machine: string;
    readonly measurements: readonly Measurement[];
  }[],
): string {
  // Growth is a table, and one bar alone compares nothing.
  const panels = parts
    .filter(({ part }) => part !== 'growth')
    .flatMap(({ measurements }) => measurements)
    .filter(({ figures }) => figures.length > 1);
  const panelWidth = (width - 2 * margin - (columns - 1) * gap) / columns;
  let y = margin + 10;
  const drawn: string[] = [];
  for (let first = 0; first < panels.length; first += columns) {
    const row = panels.slice(first, first + columns);
    row.forEach((panel, column) =>
      drawn.push(drawPanel(panel, margin + column * (panelWidth + gap), y, panelWidth)),
    );
    y += Math.max(...row.map(heightOf)) + gap / 2;
  }
  const machine = parts.at(-1)?.machine ?? '';
  const height = y + 24;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="system-ui, sans-serif" font-size="12" role="img" aria-label="Results of the benchmark">
<rect width="${width}" height="${height}" rx="8" fill="#ffffff"/>
${drawn.join('\n')}
<text x="${margin}" y="${height - 14}" fill="#6b7280" font-size="11">${escape(machine)}. Bars: median; lines: least to most.</text>
</svg>
`;
}

function drawPanel(
  { scenario, unit, better, figures }: Measurement,
  x: number,
  y: number,
  panelWidth: number,
): string {
  const most = Math.max(...figures.map((figure) => figure.most).filter(Number.isFinite), Number.MIN_VALUE);
  const room = panelWidth - nameWidth - valueWidth;
  const bars = figures.map((figure, n) => drawBar(figure, x, y + headHeight - 16 + n * barStep, room / most));
  return `<text x="${x}" y="${y}" font-weight="600" fill="#111827">${escape(scenario)}</text>
<text x="${x}" y="${y + 16}" fill="#6b7280">${escape(unit)}; ${better} is better</text>
${bars.join('\n')}`;
}

function drawBar(figure: Figure, x: number, y: number, scale: number): string {
  const { system, median, least, most } = figure;
  const start = x + nameWidth;
  const end = (value: number) => (Number.isFinite(value) ? value * scale : 0);
  const ours = /^hashi|^with triggers|instance/.test(system);
  const middle = y + barHeight / 2;
  return `<text x="${start - 8}" y="${middle + 4}" text-anchor="end" fill="#374151">${escape(shortened(system))}</text>
<rect x="${start}" y="${y}" width="${end(median).toFixed(1)}" height="${barHeight}" rx="2" fill="${ours ? '#0f766e' : '#9ca3af'}"/>
<line x1="${(start + end(least)).toFixed(1)}" x2="${(start + end(most)).toFixed(1)}" y1="${middle}" y2="${middle}" stroke="#111827"/>
<text x="${(start + Math.max(end(median), end(most)) + 6).toFixed(1)}" y="${middle + 4}" fill="#111827">${number(median)}</text>`;
}

/** What stands before the comma says which system it is, where the rest does not fit. */
function shortened(system: string): string {
  const fits = 26;
  if (system.length <= fits) return system;
  const known: Record<string, string> = {
    'floor in C, one write an event and socket': 'floor: a write an event',
    'floor in C, one write a socket': 'floor: a write a socket',
  };
  return known[system] ?? system.split(',')[0] ?? system;
}
