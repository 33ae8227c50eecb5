import type { Schemas } from '../api/client'
import { bodyText } from './retry-dialog'

/** Put by curl itself from what it sends. */
const ofCurl = ['content-length', 'host', 'accept-encoding', 'connection']

const quote = (text: string) => `'${text.replaceAll("'", `'\\''`)}'`

/** A request as a command to paste into a shell. Masked secrets stay masked: they are to be filled in. */
export function curl({ method, url, headers, body }: Schemas['ShownRequest']): string {
  const lines = [`curl -X ${method} ${quote(url)}`]
  for (const [name, value] of Object.entries(headers)) {
    if (!ofCurl.includes(name.toLowerCase())) lines.push(`-H ${quote(`${name}: ${value}`)}`)
  }
  const text = bodyText(body)
  if (text !== '') lines.push(`--data-binary ${quote(text)}`)
  return lines.join(' \\\n  ')
}
