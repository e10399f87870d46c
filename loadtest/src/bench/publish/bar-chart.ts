/** A bar of a {@link barChart}. */
export interface Bar {
  readonly label: string;
  /** 0 or more; sets the length. */
  readonly value: number;
  /** The value for the reader. */
  readonly text: string;
  /** Drawn in the colour that stands out. */
  readonly isOwn: boolean;
}

/** What a chart shows. */
export interface Chart {
  readonly title: string;
  /** A smaller line below the title, such as the unit and the machine. */
  readonly subtitle: string;
  readonly bars: readonly Bar[];
}

const WIDTH = 720;
const MARGIN = 16;
const LABEL_WIDTH = 170;
const TEXT_WIDTH = 80;
const HEAD_HEIGHT = 64;
const ROW_HEIGHT = 28;
const BAR_HEIGHT = 18;

/**
 * Both colour schemes in one file: a picture in a page follows the reader's setting by `prefers-color-scheme`. Colours
 * have a contrast of at least 4.5:1 to the background for text and 3:1 for bars (WCAG 2.2).
 */
const STYLE = `
  .background { fill: #ffffff }
  text { fill: #1f2328; font: 14px system-ui, -apple-system, 'Segoe UI', sans-serif }
  .title { font-size: 16px; font-weight: 600 }
  .subtitle { fill: #59636e; font-size: 12px }
  .label { text-anchor: end }
  .bar { fill: #818b98 }
  .own { fill: #0969da }
  @media (prefers-color-scheme: dark) {
    .background { fill: #0d1117 }
    text { fill: #f0f6fc }
    .subtitle { fill: #9198a1 }
    .own { fill: #4493f8 }
  }`;

/** Horizontal bars with values, as the text of an SVG file; equal charts give equal text. */
export function barChart({ title, subtitle, bars }: Chart): string {
  const height = HEAD_HEIGHT + bars.length * ROW_HEIGHT + MARGIN;
  const most = Math.max(...bars.map(({ value }) => value), Number.MIN_VALUE);
  const room = WIDTH - 2 * MARGIN - LABEL_WIDTH - TEXT_WIDTH;
  const rows = bars.map((bar, index) => {
    const top = HEAD_HEIGHT + index * ROW_HEIGHT;
    const left = MARGIN + LABEL_WIDTH;
    const length = Math.max(1, Math.round((Math.max(0, bar.value) / most) * room));
    const baseline = top + BAR_HEIGHT - 4;
    return `  <text class="label" x="${left - 8}" y="${baseline}">${escapeXml(bar.label)}</text>
  <rect class="bar${bar.isOwn ? ' own' : ''}" x="${left}" y="${top}" width="${length}" height="${BAR_HEIGHT}" rx="2"/>
  <text x="${left + length + 8}" y="${baseline}">${escapeXml(bar.text)}</text>
`;
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img" aria-label="${escapeXml(title)}">
  <style>${STYLE}
  </style>
  <rect class="background" width="${WIDTH}" height="${height}" rx="6"/>
  <text class="title" x="${MARGIN}" y="28">${escapeXml(title)}</text>
  <text class="subtitle" x="${MARGIN}" y="48">${escapeXml(subtitle)}</text>
${rows.join('')}</svg>
`;
}

function escapeXml(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}
