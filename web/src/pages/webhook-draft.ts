import type { FieldErrors } from '../api/client'
import type { Webhook, WebhookInput } from '../api/webhooks'

/** A webhook as it stands in the form: what is typed, whether it makes sense or not. */
export interface Draft {
  name: string
  url: string
  method: Webhook['http_method']
  enabled: boolean
  events: string[]
  calls: boolean
  secret: string
  dropSecret: boolean
  makeSecret: boolean
  signature: Webhook['signature_scheme']
  headerStyle: Webhook['header_style']
  scheme: Webhook['authorization_scheme']
  credential: string
  headers: Row[]
  timeout: string
  retries: string
  templates: Template[]
}

/** Rows carry an id, so that taking one out does not move what is typed in the others. */
export interface Row {
  id: number
  key: string
  value: string
}
export interface Template {
  id: number
  event: string
  text: string
}

let last = 0
export const nextId = () => ++last

export const blank = (): Draft => ({
  name: '',
  url: '',
  method: 'POST',
  enabled: true,
  events: [],
  calls: false,
  secret: '',
  dropSecret: false,
  makeSecret: false,
  signature: 'hmac',
  headerStyle: 'standard',
  scheme: 'none',
  credential: '',
  headers: [],
  timeout: '30',
  retries: '3',
  templates: [],
})

export const draftOf = (webhook: Webhook): Draft => ({
  ...blank(),
  name: webhook.name,
  url: webhook.webhook_url,
  method: webhook.http_method,
  enabled: webhook.enabled,
  events: webhook.events,
  calls: webhook.include_call_events ?? false,
  signature: webhook.signature_scheme,
  headerStyle: webhook.header_style,
  scheme: webhook.authorization_scheme,
  headers: webhook.custom_headers.map((header) => ({ id: nextId(), ...header })),
  timeout: String(webhook.timeout),
  retries: String(webhook.max_retries),
  templates: Object.entries(webhook.payload_templates).map(([event, template]) => ({
    id: nextId(),
    event,
    text: JSON.stringify(template, null, 2),
  })),
})

/** Reads the templates' JSON; `faults` are as the server would tell them, in the words given. */
export function readTemplates(
  templates: Template[],
  words: string,
): { templates: Record<string, Record<string, unknown>>; faults: FieldErrors } {
  const read: Record<string, Record<string, unknown>> = {}
  const faults: FieldErrors = {}
  for (const { event, text } of templates) {
    try {
      read[event] = JSON.parse(text)
    } catch {
      faults[`payload_templates.${event}`] = [words]
    }
  }
  return { templates: read, faults }
}

/** What is typed as a number goes as one; anything else goes as it is, for the server to say what is wrong with it. */
const integer = (text: string) => (/^-?\d+$/.test(text.trim()) ? Number(text) : text) as number

function input(draft: Draft): WebhookInput {
  return {
    name: draft.name,
    webhook_url: draft.url.trim(),
    http_method: draft.method,
    enabled: draft.enabled,
    events: draft.events,
    include_call_events: draft.calls,
    signature_scheme: draft.signature,
    header_style: draft.headerStyle,
    authorization_scheme: draft.scheme,
    custom_headers: draft.headers.map(({ key, value }) => ({ key: key.trim(), value })),
    timeout: integer(draft.timeout),
    max_retries: integer(draft.retries),
    payload_templates: readTemplates(draft.templates, '').templates,
  }
}

/**
 * What to send: of a new webhook all there is, of another what was changed, so that two people who change different
 * fields do not undo each other. What is write-only goes when it was typed.
 */
export function changes(initial: Draft, draft: Draft, isNew: boolean): WebhookInput {
  const [was, is] = [input(initial), input(draft)]
  const changed = Object.fromEntries(
    Object.entries(is).filter(
      ([field, value]) => isNew || JSON.stringify(value) !== JSON.stringify(was[field as keyof WebhookInput]),
    ),
  ) as WebhookInput
  // Only campaigns know the field: of an agent's webhook it is always as it was.
  if (isNew && !draft.calls) delete changed.include_call_events
  if (draft.makeSecret) changed.generate_secret = true
  else if (draft.secret !== '' || draft.dropSecret) changed.webhook_secret = draft.dropSecret ? null : draft.secret
  if (draft.credential !== '') changed.authorization_value = draft.credential
  return changed
}

/** The errors of fields below a path, by the rest of their names. */
export function under(errors: FieldErrors, path: string): FieldErrors {
  return Object.fromEntries(
    Object.entries(errors)
      .filter(([field]) => field.startsWith(path))
      .map(([field, faults]) => [field.slice(path.length), faults]),
  )
}
