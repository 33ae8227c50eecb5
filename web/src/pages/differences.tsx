import type { Preview } from '../api/delivery'
import { membersOf, sourceOf } from '../api/exact'
import { useTranslation } from '../i18n'
import { Notice } from '../ui/notice'

interface Difference {
  what: string
  before: string | undefined
  now: string | undefined
}

/** In what the request of a retry differs from the one that was sent, what is new at every attempt aside. */
export function differences(
  preview: Preview,
  words: { method: string; url: string; body: string },
): Difference[] | undefined {
  const { now, then, differences: told } = preview
  if (!now || !then || !told) return undefined
  const list: Difference[] = []
  if (told.method) list.push({ what: words.method, before: then.method, now: now.method })
  if (told.url) list.push({ what: words.url, before: then.url, now: now.url })
  for (const { name, every_attempt } of told.headers) {
    if (!every_attempt) list.push({ what: name, before: then.headers[name], now: now.headers[name] })
  }
  for (const { path } of told.body) {
    list.push({
      what: path === '' ? words.body : path,
      before: at(sourceOf(then.body), path),
      now: at(sourceOf(now.body), path),
    })
  }
  return list
}

/** The source text of what a JSON Pointer (RFC 6901) leads to, or undefined. */
export function at(source: string | undefined, pointer: string): string | undefined {
  if (pointer === '') return source
  let here = source
  for (const token of pointer.slice(1).split('/')) {
    if (here === undefined) return undefined
    here = membersOf(here).get(token.replaceAll('~1', '/').replaceAll('~0', '~'))
  }
  return here
}

export function Differences({ preview }: { preview: Preview }) {
  const { t } = useTranslation()
  const list = differences(preview, { method: t('webhook.method'), url: t('webhook.url'), body: t('body') })
  if (!list) return null
  if (list.length === 0) return <Notice title={t('preview.same')}>{t('preview.same.what')}</Notice>
  return (
    <section className="grid gap-2" aria-label={t('preview.differences')}>
      <h3 className="font-semibold">{t('preview.differences')}</h3>
      <Changes
        of={list}
        before={{ label: t('preview.then'), none: t('preview.notSent') }}
        now={{ label: t('preview.nowShort'), none: t('preview.notSentNow') }}
      />
      {preview.differences?.body_truncated && <p className="text-muted text-sm">{t('preview.more')}</p>}
    </section>
  )
}

interface Word {
  /** What a side is called, for those who do not see its mark. */
  label: string
  /** What stands there in place of nothing; without it the side is left out. */
  none?: string
}

/** What was and what is, a row each. `untold` is said of a change that shows neither. */
export function Changes({ of, before, now, untold }: { of: Difference[]; before: Word; now: Word; untold?: string }) {
  return (
    <ul className="divide-y divide-line rounded-lg border border-line text-[0.8125rem]">
      {of.map((change) => (
        <li key={change.what} className="grid gap-x-4 px-3 py-1.5 font-mono sm:grid-cols-[minmax(0,1fr)_minmax(0,3fr)]">
          <span className="wrap-anywhere text-muted">{change.what}</span>
          <span className="grid">
            {untold && change.before === undefined && change.now === undefined && (
              <span className="font-sans text-muted">{untold}</span>
            )}
            <Side value={change.before} {...before} mark="−" look="text-bad" />
            <Side value={change.now} {...now} mark="+" look="text-ok" />
          </span>
        </li>
      ))}
    </ul>
  )
}

function Side({ value, label, none, mark, look }: Word & { value: string | undefined; mark: string; look: string }) {
  if (value === undefined && none === undefined) return null
  return (
    <span className={`flex gap-2 ${value === undefined ? 'text-muted' : look}`}>
      <span aria-hidden="true">{mark}</span>
      <span className="sr-only">{label}: </span>
      <span className={`wrap-anywhere min-w-0 ${value === undefined ? 'font-sans' : ''}`}>{value ?? none}</span>
    </span>
  )
}
