import { fields, messages } from './server-pt-BR'

// The server answers in English: its messages are part of the wire contract. Here they are translated to Portuguese. A message
// that is not known is shown as it came.

const patterns: { pattern: RegExp; translation: string }[] = Object.entries(messages)
  .filter(([message]) => /%[sdvq]|: $/.test(message))
  .map(([message, translation]) => ({ pattern: patternOf(message), translation }))

function patternOf(message: string): RegExp {
  const source = message
    .replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
    .replace(/%[svq]/g, '(.+?)')
    .replaceAll('%d', '(\\d+)')
    .replace(/: $/, ': (.+)')
  return new RegExp(`^${source}$`)
}

/** A field's name, or the path to a part of it. */
function fieldName(words: string): string {
  const [head = '', ...path] = words.split('.')
  return [fields[head.replaceAll('_', ' ')] ?? head, ...path].join('.')
}

export function translateServerText(text: string): string {
  const known = messages[text]
  if (known !== undefined) return known
  for (const { pattern, translation } of patterns) {
    const match = pattern.exec(text)
    if (match) return fill(translation, match)
  }
  // What is wrong with a template is followed by where.
  const [, what, at] = /^(.+) \(at byte (\d+)\)$/.exec(text) ?? []
  if (what) return `${translateServerText(what)} (no byte ${at})`
  const [, fault, placeholder] = /^(placeholder.+): (".*")$/.exec(text) ?? []
  if (fault) return `${translateServerText(fault)}: ${placeholder}`
  return text
}

const fill = (translation: string, values: RegExpExecArray) =>
  translation.replace(/\{(\d)(?::(field|text))?\}/g, (_, at: string, as?: string) => {
    const value = values[Number(at)] ?? ''
    return as === 'field' ? fieldName(value) : as === 'text' ? translateServerText(value) : value
  })
