// JSON numbers are exact and JavaScript's are not: a payload that is parsed and written again has other numbers, and its
// members may change places. What customers wrote is therefore kept as the text it came in, and never parsed.

/** Members of the server's answers whose values are kept as text. */
const kept = new Set(
  ['payload', 'request_payload', 'payload_templates', 'body', 'before', 'after'].map((name) => `"${name}"`),
)

const token = /"[^"\\]*(?:\\.[^"\\]*)*"|[{}[\],:]|[^\s{}[\],:"]+/g

/** Replace each value to keep with a string that holds its source text; null stays. */
export function keepSources(json: string): string {
  const parts: string[] = []
  let copied = 0
  let previous = ''
  const at = new RegExp(token)
  for (let match = at.exec(json); match; match = at.exec(json)) {
    const [text] = match
    if (text === ':' && kept.has(previous)) {
      const [from, to] = valueAt(json, at.lastIndex)
      const source = json.slice(from, to)
      // The differences of a preview have a list of this name.
      if (source !== 'null' && !source.startsWith('[')) {
        parts.push(json.slice(copied, from), JSON.stringify(source))
        copied = to
      }
      at.lastIndex = to
    }
    previous = text
  }
  return parts.join('') + json.slice(copied)
}

/** Where the value that begins at or after an index begins and ends. */
function valueAt(json: string, index: number): [from: number, to: number] {
  const at = new RegExp(token)
  at.lastIndex = index
  let from = -1
  let depth = 0
  for (let match = at.exec(json); match; match = at.exec(json)) {
    if (from < 0) from = match.index
    if (match[0] === '{' || match[0] === '[') depth++
    else if (match[0] === '}' || match[0] === ']') depth--
    if (depth === 0) return [from, at.lastIndex]
  }
  return [from < 0 ? json.length : from, json.length]
}

/** The source text of a value that keepSources kept. */
export const sourceOf = (value: unknown): string | undefined =>
  value === undefined ? undefined : typeof value === 'string' ? value : JSON.stringify(value)

/** The members of an object, or the items of an array, as source text. A name that stands there twice counts as its last. */
export function membersOf(source: string): Map<string, string> {
  const members = new Map<string, string>()
  const at = new RegExp(token)
  const open = at.exec(source)?.[0]
  if (open !== '{' && open !== '[') return members
  for (let n = 0; ; n++) {
    let next = at.exec(source)
    if (next?.[0] === ',') next = at.exec(source)
    if (!next || next[0] === '}' || next[0] === ']') return members
    if (open === '{') at.exec(source)
    const [from, to] = valueAt(source, open === '{' ? at.lastIndex : next.index)
    members.set(open === '{' ? JSON.parse(next[0]) : String(n), source.slice(from, to))
    at.lastIndex = to
  }
}

/** JSON over several lines: only white space differs from the source. Any other text as it is. */
export function pretty(text: string): string {
  if (!isJSON(text)) return text
  let out = ''
  let depth = 0
  let previous = ''
  const line = () => `\n${'  '.repeat(depth)}`
  for (const [part] of text.matchAll(token)) {
    const empty = (part === '}' && previous === '{') || (part === ']' && previous === '[')
    if (part === '}' || part === ']') {
      depth--
      out += empty ? part : line() + part
    } else {
      if (previous === '{' || previous === '[' || previous === ',') out += line()
      out += part === ':' ? ': ' : part
      if (part === '{' || part === '[') depth++
    }
    previous = part
  }
  return out
}

export function isJSON(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

/** JSON to be sent to the letter. */
export class Source {
  readonly text: string
  constructor(text: string) {
    this.text = text
  }
}

/** JSON.stringify, with every Source put in as it is. */
export function stringify(value: unknown): string {
  if (value instanceof Source) return value.text
  if (Array.isArray(value)) return `[${value.map((item) => stringify(item ?? null)).join()}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  const members = Object.entries(value).filter(([, member]) => member !== undefined)
  return `{${members.map(([name, member]) => `${JSON.stringify(name)}:${stringify(member)}`).join()}}`
}
