import { readFileSync } from 'node:fs'
import { expect, test } from '@playwright/test'
import { arrivedSince, merge, remember } from '../src/api/arrivals'
import { bulkInput } from '../src/api/bulk'
import type { Delivery, LogPage } from '../src/api/delivery'
import { canFollow, logQuery, meets, readFilters } from '../src/api/filters'
import { preferredLanguage, translate } from '../src/i18n'
import { en } from '../src/i18n/en'
import { formats } from '../src/i18n/formats'
import { format } from '../src/i18n/message'
import { ptBR as pt } from '../src/i18n/pt-BR'
import { translateServerText } from '../src/i18n/server'
import { curl } from '../src/pages/curl'
import { at, differences } from '../src/pages/differences'
import { scaleTop } from '../src/pages/outcome-chart'
import { blank, changes, checkTemplates, draftOf } from '../src/pages/webhook-draft'

test.describe('catalogs', () => {
  const placeholders = (message: unknown) =>
    [...JSON.stringify(message).matchAll(/\{(\w+)\}/g)].map(([, name]) => name).sort()
  const forms = (message: unknown) => (typeof message === 'string' ? ['text'] : Object.keys(message as object).sort())

  test('have the same keys, values and plurals, and no empty text', () => {
    expect(Object.keys(pt).sort()).toEqual(Object.keys(en).sort())
    for (const [key, message] of Object.entries(en)) {
      const other = pt[key as keyof typeof pt]
      expect(new Set(placeholders(other)), key).toEqual(new Set(placeholders(message)))
      expect(forms(other), key).toEqual(forms(message))
      expect(JSON.stringify([message, other]), key).not.toContain('""')
    }
  })

  test('count as their language does', () => {
    const message = { one: '{count} entrega', other: '{count} entregas' }
    const say = (count: number) =>
      format(message, { count }, new Intl.PluralRules('pt-BR'), new Intl.NumberFormat('pt-BR').format)
    expect([say(0), say(1), say(2), say(1_000_000)]).toEqual([
      '0 entrega',
      '1 entrega',
      '2 entregas',
      '1.000.000 entregas',
    ])
  })

  test('never throw, whatever a newer server says', () => {
    const { t, moment, clock, relative, duration, tick, eventTypes } = translate(
      { language: 'pt-BR', catalog: pt, server: (text) => text },
      async () => {},
    )
    expect(t('audit.webhook.paused' as 'audit.webhook.updated')).toBe('webhook.paused')
    expect([moment('x'), clock('x'), relative('x', 0), tick(Number.NaN, 1), duration(Number.NaN)]).toEqual(
      Array(5).fill('–'),
    )
    expect(eventTypes).toContain('event_phone_call_ended')
  })

  test('are chosen by what the browser wants, and by what was chosen before it', () => {
    expect(preferredLanguage(null, ['pt-PT', 'en'])).toBe('pt-BR')
    expect(preferredLanguage(null, ['de', 'en-GB', 'pt'])).toBe('en')
    expect(preferredLanguage(null, ['de'])).toBe('en')
    expect(preferredLanguage('en', ['pt-BR'])).toBe('en')
    expect(preferredLanguage('xx', ['pt-BR'])).toBe('pt-BR')
  })

  test('know what the server says, and leave what they do not know as it is', () => {
    const said: [string, string][] = [
      ['The webhook url field is required.', 'O campo URL é obrigatório.'],
      ['The timeout must be between 5 and 120.', 'O campo tempo limite deve estar entre 5 e 120.'],
      [
        'The authorization value field is required when authorization scheme is bearer.',
        'O campo credencial é obrigatório quando a autorização é bearer.',
      ],
      ['The selected events.0 is invalid.', 'O valor escolhido para eventos.0 é inválido.'],
      ['Webhook test failed: Connection refused', 'O teste falhou: Conexão recusada'],
      ['A campaign may have at most 3 webhooks.', 'Uma campanha pode ter no máximo 3 webhooks.'],
      ['The name field is required when events.0 is not present.', 'O campo nome é obrigatório sem eventos.0.'],
      [
        'The payload_templates.a must be a valid template: placeholder is not closed: "{{x".',
        'O campo modelos.a não é um modelo válido: o marcador não foi fechado: "{{x".',
      ],
      [
        'The payload_templates.a must be a valid template: not valid JSON (at byte 7).',
        'O campo modelos.a não é um modelo válido: não é um JSON válido (no byte 7).',
      ],
      ['HTTP 503 Service Unavailable', 'HTTP 503 Service Unavailable'],
    ]
    for (const [english, portuguese] of said) expect(translateServerText(english)).toBe(portuguese)
  })
})

test('numbers and times are written as the language does', () => {
  const [en, pt] = [formats('en'), formats('pt-BR')]
  expect(en.percent(0.99996)).toBe('99.9%')
  expect(en.percent(1)).toBe('100%')
  expect(pt.percent(0.5)).toBe('50%')
  expect([en.duration(0), en.duration(999), en.duration(1500), en.duration(60_000)]).toEqual([
    '0 ms',
    '999 ms',
    '1.5 sec',
    '1 min',
  ])
  expect(pt.duration(1500)).toBe('1,5 s')
  const now = Date.parse('2026-01-02T12:00:00Z')
  expect(en.relative(now - 59_000, now)).toBe('59 sec. ago')
  expect(en.relative(now + 3_600_000, now)).toBe('in 1 hr')
  expect(pt.relative(now - 59_000, now)).toBe('há 59 seg')
})

test('filters come out of the address bar as they went in, and nonsense is left out', () => {
  expect(readFilters({ status: 'failed', http_status: 503, since: 'day', event: 'e', search: '0199' })).toEqual({
    status: 'failed',
    http_status: '503',
    since: 'day',
    event: 'e',
    search: '0199',
  })
  expect(readFilters({ status: 'odd', http_status: '9xx', since: 'eon', from: 'then', cursor: '' })).toEqual({})
  expect(readFilters({ since: 'day', from: '2026-01-01T00:00:00Z' })).toEqual({ since: 'day' })
  const now = Date.parse('2026-01-02T00:00:00Z')
  expect(logQuery({ since: 'day', search: 'abc' }, now)).toEqual({ from: '2026-01-01T00:00:00.000Z', per_page: 25 })
  expect(bulkInput({ since: 'hour', status: 'success', search: '01990e54' }, now)).toEqual({
    status: 'failed',
    from: '2026-01-01T23:00:00.000Z',
  })
  expect([canFollow({ status: 'failed' }), canFollow({ cursor: 'c' }), canFollow({ to: 't' })]).toEqual([
    true,
    false,
    false,
  ])
})

const log = (id: string, change: Partial<Delivery> = {}): Delivery => ({
  id,
  webhook_id: 'w',
  event: 'e',
  event_id: 'v',
  attempt: 1,
  trigger: 'automatic',
  status: 'pending',
  created_at: '2026-01-01T00:00:00.000000Z',
  ...change,
})

test('an entry is on the page as long as it meets the filters', () => {
  expect(meets(log('1', { http_status: 503 }), { http_status: '5xx' })).toBe(true)
  expect(meets(log('1', { http_status: 404 }), { http_status: '5xx' })).toBe(false)
  expect(meets(log('1'), { http_status: 'none' })).toBe(false)
  expect(meets(log('1', { status: 'failed' }), { http_status: 'none' })).toBe(true)
  expect(meets(log('1'), { from: '2026-01-01T00:00:01Z' })).toBe(false)

  const page: LogPage = {
    success: true,
    data: [log('2'), log('1')],
    pagination: { current_page: 1, per_page: 25, total: 40, last_page: 2 },
  }
  const ids = (merged: LogPage) => [merged.data.map(({ id }) => id).join(''), merged.pagination.total]
  expect(ids(merge(page, [log('3')], {}))).toEqual(['321', 41])
  expect(ids(merge(page, [log('2', { status: 'success' })], { status: 'pending' }))).toEqual(['1', 39])
  expect(ids(merge(page, [log('3', { status: 'success' })], { status: 'pending' }))).toEqual(['21', 40])
  expect(merge(page, [log('2', { status: 'success' })], {}).data[0]?.status).toBe('success')
  expect(ids(merge(page, [log('0')], {}))).toEqual(['210', 41])
  const first = { ...page, pagination: { ...page.pagination, next_cursor: 'c' } }
  expect(ids(merge(first, [log('0')], {}))).toEqual(['21', 40])
})

test('what the stream told while a page was on its way is not undone by the page', () => {
  remember('a page', log('1', { status: 'retrying' }), 1_000)
  remember('a page', log('1', { status: 'success' }), 2_000)
  remember('another', log('1', { status: 'failed' }), 2_000)
  expect(arrivedSince('a page', 1_500).map(({ status }) => status)).toEqual(['success'])
  remember('a page', log('2'), 60_000)
  expect(arrivedSince('a page', 0).map(({ id }) => id)).toEqual(['2'])
})

test('a preview is told as what was and what will be', () => {
  expect(at('{"a":{"b/c":[10,{"~":1.0}]}}', '/a/b~1c/1/~0')).toBe('1.0')
  expect(at('{"a":1}', '/a/b')).toBeUndefined()
  const words = { method: 'Method', url: 'URL', body: 'Body' }
  const then = { method: 'POST', url: 'u', headers: { A: '1', B: '1' }, body: { old: 1, same: 2 } }
  const now = { method: 'PUT', url: 'u', headers: { A: '2', C: '1' }, body: { new: 'x', same: 2 } }
  const preview = {
    can_retry: true,
    attempt: 2,
    now,
    then,
    differences: {
      method: true,
      url: false,
      headers: [
        { name: 'A', change: 'changed' as const, every_attempt: true as const },
        { name: 'B', change: 'removed' as const },
        { name: 'C', change: 'added' as const },
      ],
      body: [
        { path: '/new', change: 'added' as const },
        { path: '/old', change: 'removed' as const },
      ],
    },
  }
  expect(differences(preview, words)).toEqual([
    { what: 'Method', before: 'POST', now: 'PUT' },
    { what: 'B', before: '1', now: undefined },
    { what: 'C', before: undefined, now: '1' },
    { what: '/new', before: undefined, now: '"x"' },
    { what: '/old', before: '1', now: undefined },
  ])
  expect(differences({ can_retry: false, attempt: 1, now }, words)).toBeUndefined()
})

test('a curl command survives quotes, and leaves to curl what is curl’s', () => {
  expect(curl({ method: 'PUT', url: "http://x/?q='", headers: { Host: 'x', 'X-A': "it's" }, body: { a: "'" } })).toBe(
    `head -c 9 <<'BODY' | curl -X PUT 'http://x/?q='\\''' \\\n  -H 'X-A: it'\\''s' \\\n  --data-binary @-\n{"a":"'"}\nBODY`,
  )
})

test('a form sends what was changed and nothing else', () => {
  const webhook = {
    id: 'w',
    name: 'CRM',
    webhook_url: 'https://x',
    events: ['a'],
    events_count: 1,
    timeout: 30,
    max_retries: 3,
    enabled: true,
    status: 'active' as const,
    http_method: 'POST' as const,
    authorization_scheme: 'none' as const,
    custom_headers: [{ key: 'K', value: '********' }],
    payload_templates: { a: { x: 1 } },
    has_secret: true,
    version: 1,
    signature_scheme: 'hmac' as const,
    header_style: 'standard' as const,
    created_at: '',
    updated_at: '',
  }
  const draft = draftOf(webhook)
  expect(changes(draft, draft, false)).toEqual({})
  expect(changes(draft, { ...draft, name: 'B', timeout: 'soon', dropSecret: true }, false)).toEqual({
    name: 'B',
    timeout: 'soon',
    webhook_secret: null,
  })
  expect(changes(blank(), { ...blank(), secret: 's', retries: '2' }, true)).toMatchObject({
    webhook_secret: 's',
    max_retries: 2,
    events: [],
  })
  expect(changes(blank(), { ...blank(), makeSecret: true }, true)).toMatchObject({ generate_secret: true })
  expect(changes(draft, { ...draft, headerStyle: 'svix' }, false)).toEqual({ header_style: 'svix' })
  expect(checkTemplates([{ id: 1, event: 'a', text: '{' }], 'bad')).toEqual({ 'payload_templates.a': ['bad'] })
})

test('a scale holds its largest value', () => {
  expect([0, 1, 4, 5, 9, 10, 11, 140, 999, 1001].map(scaleTop)).toEqual([4, 4, 4, 6, 10, 10, 20, 150, 1000, 1500])
})

test('each kind of owner has the calls of webhooks that agents have, by whose types all are called', () => {
  const document = readFileSync(new URL('../../api/openapi.yaml', import.meta.url), 'utf8')
  const calls = (base: string) => {
    const found: string[] = []
    let path: string | undefined
    for (const line of document.split('\n')) {
      const [, begun] = /^ {2}(\/\S+):$/.exec(line) ?? []
      if (begun) path = begun.startsWith(base) ? begun.slice(base.length) : undefined
      const [, method] = /^ {4}(get|post|put|patch|delete):$/.exec(line) ?? []
      if (method && path !== undefined) found.push(`${method} ${path}`)
    }
    return found.sort()
  }
  const ofAgents = calls('/agents/{agent_id}/webhooks')
  expect(ofAgents.length).toBeGreaterThan(10)
  expect(calls('/campaigns/{campaign_id}/webhooks')).toEqual(ofAgents)
  expect(calls('/environment/webhooks')).toEqual(ofAgents)
})
