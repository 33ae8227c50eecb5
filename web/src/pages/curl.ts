import type { Schemas } from '../api/client'
import { bodyText } from './retry-dialog'

type ShownRequest = Schemas['ShownRequest']

/** Headers that curl sets itself. */
const ofCurl = ['content-length', 'host', 'accept-encoding', 'connection']

const quote = (text: string) => `'${text.replaceAll("'", `'\\''`)}'`

/**
 * A request as a command to paste into a shell. The body is a heredoc, for an argument may not be longer than 128 KiB; head
 * leaves out the line break that a heredoc ends with.
 */
export function curl({ method, url, headers, body }: ShownRequest): string {
  const command = [`curl -X ${method} ${quote(url)}`]
  for (const [name, value] of Object.entries(headers)) {
    if (!ofCurl.includes(name.toLowerCase())) command.push(`-H ${quote(`${name}: ${value}`)}`)
  }
  const text = bodyText(body)
  if (text === '') return join(command)
  const end = endOf(text)
  return `head -c ${new TextEncoder().encode(text).length} <<'${end}' | ${join([...command, '--data-binary @-'])}\n${text}\n${end}`
}

const join = (parts: string[]) => parts.join(' \\\n  ')

/** A word to end the heredoc with that is no line of the text. */
function endOf(text: string): string {
  const lines = new Set(text.split('\n'))
  let end = 'BODY'
  while (lines.has(end)) end += '_'
  return end
}

/** The headers whose values are masked, signatures among them: they have to be filled in. */
export const maskedHeaders = ({ headers }: ShownRequest): string[] =>
  Object.entries(headers)
    .filter(([, value]) => value.includes('********'))
    .map(([name]) => name)
