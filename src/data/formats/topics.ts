/** TREC topics: <top> <num> … <title> …, closing tags or none, and the later <topic number="…"><query>. */
import { badData, type Query } from '../source.js';
import { bytesOfFile } from './lines.js';

/** The topics with their titles as queries, or undefined where the file holds none. */
export async function readTopics(file: string): Promise<Query[] | undefined> {
  if (!(await beginsWithTag(file))) return undefined;
  const chunks: Buffer[] = []; // topics are hundreds of lines
  for await (const chunk of bytesOfFile(file)) chunks.push(chunk);
  const text = Buffer.concat(chunks).toString('utf8');
  const topics = [...text.matchAll(/<(top|topic)\b([^>]*)>([\s\S]*?)<\/\1>/g)].map(({ index, 2: attributes, 3: body }) => {
    const place = { file, line: text.slice(0, index).split('\n').length };
    const id = /number="([^"]+)"/.exec(attributes!)?.[1] ?? /<num>\s*(?:Number:)?\s*([^\s<]+)/i.exec(body!)?.[1];
    const title = /<(title|query)>\s*(?:Topic:)?([^<]*)/i.exec(body!)?.[2]?.replace(/\s+/g, ' ').trim();
    if (!id) throw badData(place, 'a topic without <num>', '<num> Number: 301', 'give it one');
    if (!title) throw badData(place, `topic ${id} without a title`, '<title> and words', 'fill it');
    return { id, text: unescaped(title), place };
  });
  if (topics.length === 0) throw badData({ file, line: 1 }, 'no whole topic', '<top> … </top>', 'check the file');
  return topics;
}

async function beginsWithTag(file: string): Promise<boolean> {
  if (file.endsWith('.parquet')) return false;
  for await (const chunk of bytesOfFile(file)) return /^\ufeff?\s*<(\?xml|top|topics|topic)\b/.test(chunk.toString('utf8', 0, 400));
  return false;
}

const unescaped = (text: string): string =>
  text.replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&quot;', '"').replaceAll('&apos;', "'").replaceAll('&amp;', '&');
