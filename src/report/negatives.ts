/** What `simans negatives` prints. */
import type { NegativesView } from '../sampling/negativesView.js';
import { table } from './table.js';

const cut = (text: string, length: number): string => {
  const line = text.replace(/\s+/g, ' ');
  return line.length > length ? `${line.slice(0, length - 1)}…` : line;
};

/** `most`: candidates shown. */
export function negativesText(view: NegativesView, most: number, columns: number): string {
  const { query, positives, candidates, removed, effectiveSize, others, refresh, steps } = view;
  const room = Math.max(20, columns - 48);
  const best = Math.max(...positives.map(({ score }) => score));
  const drawn = candidates.reduce((sum, candidate) => sum + candidate.drawn.length, 0);
  const rows = candidates
    .slice(0, most)
    .map(({ rank, id, text, score, p, drawn: at }) => [
      String(rank),
      score.toFixed(3),
      (score - best).toFixed(3),
      p === undefined ? '' : p.toFixed(4),
      at.length > 0 ? at.slice(0, 3).join(' ') + (at.length > 3 ? ' …' : '') : '',
      cut(`${id} ${text}`, room),
    ]);
  const blocks = [
    `${query.id}: ${query.text}\nrefresh ${refresh}, steps ${steps[0]} to ${steps[1] - 1}: ${candidates.length} candidates${effectiveSize === undefined ? '' : `, ${effectiveSize.toFixed(1)} in effect (1/Σp²)`}; ${drawn + others.length} drawn`,
    ...positives.map(({ id, text, score }) => `positive ${score.toFixed(3)}  ${cut(`${id} ${text}`, columns - 20)}`),
    table(['rank', 's', 's − s⁺', 'p', 'drawn at', 'passage'], rows),
    ...(candidates.length > most ? [`and ${candidates.length - most} more`] : []),
    ...(removed.length > 0
      ? [
          [
            'kept out:',
            ...removed
              .slice(0, most)
              .map(({ by, score, id, text }) => `  ${by}  ${score.toFixed(3)}  ${cut(`${id} ${text}`, columns - 28)}`),
          ].join('\n'),
        ]
      : []),
    ...(others.length > 0
      ? [
          `also drawn: ${others
            .slice(0, 10)
            .map(({ step, id }) => `${id} at ${step}`)
            .join(', ')}`,
        ]
      : []),
  ];
  return blocks.join('\n\n');
}
