import type { FieldErrors } from '../api/client'
import { isJSON, membersOf, pretty, Source } from '../api/exact'
import type { Webhook, WebhookInput } from '../api/webhooks'
import type { Key } from '../i18n'

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
  /** The template as the server has it, of which `text` was laid out. */
  source?: string
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
  templates: [...templatesOf(webhook)].map(([event, source]) => ({
    id: nextId(),
    event,
    text: pretty(source),
    source,
  })),
})

/** The answers hold the templates as source text; see exact.ts. */
function templatesOf({ payload_templates: templates }: Webhook): Map<string, string> {
  return membersOf(typeof templates === 'string' ? templates : JSON.stringify(templates))
}

/** A template to be sent: as the server has it when it was not touched. */
const sourceOf = ({ text, source }: Template) => (source !== undefined && text === pretty(source) ? source : text)

/** Says which templates are not JSON, as the server would tell it, in the words given. */
export function checkTemplates(templates: Template[], words: string): FieldErrors {
  const bad = templates.filter((template) => !isJSON(sourceOf(template)))
  return Object.fromEntries(bad.map(({ event }) => [`payload_templates.${event}`, [words]]))
}

/** What is typed as a number goes as one; anything else goes as it is, for the server to say what is wrong with it. */
const integer = (text: string) => (/^-?\d+$/.test(text.trim()) ? Number(text) : text) as number

/** A field of a webhook, and how a draft says it. */
interface Field {
  field: keyof WebhookInput
  label: Key
  /** What of the draft belongs to it. */
  keys: (keyof Draft)[]
  send: (draft: Draft) => unknown
  /** Fields that mean something together: a credential is for one URL. */
  group?: 'target' | 'signature'
}

const fields: Field[] = [
  { field: 'name', label: 'name', keys: ['name'], send: (d) => d.name },
  { field: 'webhook_url', label: 'webhook.url', keys: ['url'], send: (d) => d.url.trim(), group: 'target' },
  { field: 'http_method', label: 'webhook.method', keys: ['method'], send: (d) => d.method },
  { field: 'enabled', label: 'webhook.enabled', keys: ['enabled'], send: (d) => d.enabled },
  { field: 'events', label: 'webhook.events', keys: ['events'], send: (d) => d.events },
  { field: 'include_call_events', label: 'webhook.calls', keys: ['calls'], send: (d) => d.calls },
  {
    field: 'signature_scheme',
    label: 'secret.scheme',
    keys: ['signature'],
    send: (d) => d.signature,
    group: 'signature',
  },
  { field: 'header_style', label: 'webhook.headerStyle', keys: ['headerStyle'], send: (d) => d.headerStyle },
  {
    field: 'authorization_scheme',
    label: 'webhook.scheme',
    keys: ['scheme'],
    send: (d) => d.scheme,
    group: 'target',
  },
  {
    field: 'custom_headers',
    label: 'webhook.headers',
    keys: ['headers'],
    send: (d) => d.headers.map(({ key, value }) => ({ key: key.trim(), value })),
    group: 'target',
  },
  { field: 'timeout', label: 'webhook.timeout', keys: ['timeout'], send: (d) => integer(d.timeout) },
  { field: 'max_retries', label: 'webhook.retries', keys: ['retries'], send: (d) => integer(d.retries) },
  {
    field: 'payload_templates',
    label: 'webhook.templates',
    keys: ['templates'],
    send: (d) => Object.fromEntries(d.templates.map((template) => [template.event, new Source(sourceOf(template))])),
  },
]

/** What is write-only: it is sent when it was typed. */
const secrets: Field[] = [
  {
    field: 'webhook_secret',
    label: 'webhook.secret',
    keys: ['secret', 'dropSecret', 'makeSecret'],
    send: (d) => [d.secret, d.dropSecret, d.makeSecret],
    group: 'signature',
  },
  {
    field: 'authorization_value',
    label: 'webhook.credential',
    keys: ['credential'],
    send: (d) => d.credential,
    group: 'target',
  },
]

const differs = ({ send }: Field, a: Draft, b: Draft) => JSON.stringify(send(a)) !== JSON.stringify(send(b))

/** Reports whether something was typed since. */
export const isChanged = (initial: Draft, draft: Draft) =>
  [...fields, ...secrets].some((field) => differs(field, initial, draft))

/**
 * What to send: of a new webhook all there is, of another what was changed since `initial`, so that two people who change
 * different fields do not undo each other.
 */
export function changes(initial: Draft, draft: Draft, isNew: boolean): WebhookInput {
  const changed = Object.fromEntries(
    fields.filter((field) => isNew || differs(field, initial, draft)).map(({ field, send }) => [field, send(draft)]),
  ) as WebhookInput
  // Only campaigns know the field: of an agent's webhook it is always as it was.
  if (isNew && !draft.calls) delete changed.include_call_events
  if (draft.makeSecret) changed.generate_secret = true
  else if (draft.secret !== '' || draft.dropSecret) changed.webhook_secret = draft.dropSecret ? null : draft.secret
  if (draft.credential !== '') changed.authorization_value = draft.credential
  return changed
}

/** A field that was changed here and by somebody else, or that means something together with one that was. */
export interface Conflict {
  field: keyof WebhookInput
  label: Key
  /** What each side says; undefined for what is secret. */
  mine: string | undefined
  theirs: string | undefined
  changedByMe: boolean
  changedByThem: boolean
}

/** Where two changes of the same settings contradict each other. */
export function conflicts(initial: Draft, mine: Draft, theirs: Draft, secretsChanged = false): Conflict[] {
  const sides = [...fields, ...secrets].map((field) => ({
    ...field,
    changedByMe: differs(field, initial, mine),
    changedByThem: field.field === 'webhook_secret' ? secretsChanged : differs(field, initial, theirs),
    same: !secrets.some((secret) => secret.field === field.field) && !differs(field, mine, theirs),
  }))
  const contested = new Set(
    sides.flatMap(({ group, changedByMe, same }) =>
      group &&
      changedByMe &&
      !same &&
      sides.some((other) => other.group === group && other.changedByThem && !other.same)
        ? [group]
        : [],
    ),
  )
  return sides
    .filter(({ group, changedByMe, changedByThem, same }) =>
      group ? contested.has(group) && (changedByMe || changedByThem) && !same : changedByMe && changedByThem && !same,
    )
    .map(({ field, label, changedByMe, changedByThem }) => ({
      field,
      label,
      changedByMe,
      changedByThem,
      mine: words(field, mine),
      theirs: words(field, theirs),
    }))
}

/** The labels of what somebody else has changed. */
export const changedBy = (initial: Draft, theirs: Draft): Key[] =>
  fields.filter((field) => differs(field, initial, theirs)).map(({ label }) => label)

function words(name: keyof WebhookInput, draft: Draft): string | undefined {
  const field = fields.find(({ field }) => field === name)
  if (!field) return undefined
  const value = field.send(draft)
  if (name === 'custom_headers') return draft.headers.map(({ key, value }) => `${key}: ${value}`).join('\n')
  if (name === 'payload_templates') return draft.templates.map((t) => `${t.event}: ${sourceOf(t)}`).join('\n')
  return Array.isArray(value) ? value.join('\n') : String(value)
}

/** `theirs` with what was changed here since `initial`, but for the fields given up. */
export function rebase(initial: Draft, mine: Draft, theirs: Draft, givenUp: (keyof WebhookInput)[] = []): Draft {
  const rebased: Draft = { ...theirs }
  for (const field of [...fields, ...secrets]) {
    if (givenUp.includes(field.field) || !differs(field, initial, mine)) continue
    for (const key of field.keys) Object.assign(rebased, { [key]: mine[key] })
  }
  return rebased
}

/** The fields whose messages the form shows whatever the draft holds. */
const controls = new Set([
  'name',
  'webhook_url',
  'http_method',
  'events',
  'webhook_secret',
  'signature_scheme',
  'header_style',
  'authorization_scheme',
  'custom_headers',
  'timeout',
  'max_retries',
])

/** Reports whether the form of this draft shows the messages of a field. */
export function hasControl(draft: Draft, field: string): boolean {
  if (controls.has(field)) return true
  const [parent = '', index = ''] = field.split('.')
  switch (parent) {
    case 'events':
      return true
    case 'authorization_value':
      return draft.scheme !== 'none'
    case 'custom_headers':
      return draft.headers[Number(index)] !== undefined
    case 'payload_templates':
      return draft.templates.some(({ event }) => field === `payload_templates.${event}`)
  }
  return false
}

/** The errors of fields below a path, by the rest of their names. */
export function under(errors: FieldErrors, path: string): FieldErrors {
  return Object.fromEntries(
    Object.entries(errors)
      .filter(([field]) => field.startsWith(path))
      .map(([field, faults]) => [field.slice(path.length), faults]),
  )
}
