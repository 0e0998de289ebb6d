// The links of messages as parse5 sees them: [[start, end, value], ...] of each, in characters of the message.
// Reads a JSON object of messages by name, writes one of their links. `tools/record_parse5.py` runs it.
import { readFileSync } from 'node:fs';
import { parse, parseFragment } from 'parse5';

const OPTIONS = { sourceCodeLocationInfo: true, scriptingEnabled: false };
const DIV = parseFragment('<div></div>').childNodes[0];

function* nodes(node) {
  yield node;
  for (const child of [...(node.childNodes ?? []), ...(node.content ? [node.content] : [])]) yield* nodes(child);
}

function* hrefs(root, html, offset) {
  for (const node of nodes(root)) {
    const isLink = node.tagName && (['a', 'area'].includes(node.tagName) || /^[vw]:/.test(node.tagName));
    const span = isLink && node.sourceCodeLocation?.attrs?.href;
    if (span) {
      const start = offset + span.startOffset, end = offset + span.endOffset;
      const [, opening, quote] = /^([^=]*=?[ \t\n\f\r]*(["']?))/.exec(html.slice(start, end));
      const isClosed = quote && end > start + opening.length && html[end - 1] === quote;
      if (opening.includes('=')) yield [start + opening.length, end - (isClosed ? 1 : 0), node.attrs.find((a) => a.name === 'href' && !a.prefix).value];
    }
    if (node.nodeName === '#comment' && node.sourceCodeLocation) {
      const at = offset + node.sourceCodeLocation.startOffset;
      const comment = html.slice(at, offset + node.sourceCodeLocation.endOffset);
      const opening = /^<!--\[if[^\]]*\]>/i.exec(comment), end = comment.lastIndexOf('<![endif]');
      if (opening && end >= opening[0].length) {
        const inner = comment.slice(opening[0].length, end);
        yield* hrefs(parseFragment(DIV, inner, OPTIONS), html, at + opening[0].length);
      }
    }
  }
}

// JavaScript counts UTF-16 units.
const characters = (html, at) => [...html.slice(0, at)].length;
const told = Object.entries(JSON.parse(readFileSync(0, 'utf8'))).map(([name, html]) => [
  name,
  [...hrefs(parse(html, OPTIONS), html, 0)]
    .sort((a, b) => a[0] - b[0])
    // Of an element that is not closed where it should be the parser makes copies, which have its place.
    .filter(([start], number, all) => number === 0 || start !== all[number - 1][0])
    .map(([start, end, value]) => [characters(html, start), characters(html, end), value]),
]);
process.stdout.write(JSON.stringify(Object.fromEntries(told)));
