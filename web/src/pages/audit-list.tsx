import { Link } from '@tanstack/react-router'
import type { AuditEntry } from '../api/audit'
import { sourceOf } from '../api/exact'
import { kindOf, ownerOf } from '../api/kinds'
import { useTranslation } from '../i18n'
import { Clock } from '../ui/time'
import { Changes } from './differences'

/** Entries of the audit log: who did what to what, and behind it what was changed and where the call came from. */
export function AuditList({ entries, stale }: { entries: AuditEntry[]; stale: boolean }) {
  return (
    <ul className={`divide-y divide-line ${stale ? 'opacity-60' : ''}`}>
      {entries.map((entry) => (
        <li key={entry.id} className="grid gap-1 px-4 py-2.5">
          <Entry entry={entry} />
        </li>
      ))}
    </ul>
  )
}

function Entry({ entry }: { entry: AuditEntry }) {
  const { t } = useTranslation()
  const { actor, action, at, changes, remote_address, request_id, subject } = entry
  const facts: [string, string | undefined][] = [
    [t('audit.address'), remote_address],
    [t('audit.request'), request_id],
    [t(`audit.subject.${subject.type}`), subject.id],
  ]
  return (
    <>
      <div className="flex justify-between gap-3">
        <p className="wrap-anywhere min-w-0">
          <span className="font-medium">{t(`audit.${action}`)}</span> <Subject entry={entry} />
        </p>
        <span className="shrink-0 text-muted text-sm">
          <Clock at={at} />
        </span>
      </div>
      <p className="wrap-anywhere text-muted text-sm">
        {actor.name ? `${actor.name} · ${t(`audit.actor.${actor.type}`)}` : t(`audit.actor.${actor.type}`)}
      </p>
      <details className="text-sm">
        <summary className="wrap-anywhere cursor-pointer text-muted hover:text-ink">
          {changes.length === 0
            ? t('audit.details')
            : `${t('audit.changed')} ${changes.map(({ field }) => field).join(', ')}`}
        </summary>
        {changes.length > 0 && (
          <div className="mt-1">
            <Changes
              of={changes.map(({ field, before, after }) => ({
                what: field,
                before: sourceOf(before),
                now: sourceOf(after),
              }))}
              before={{ label: t('audit.before') }}
              now={{ label: t('audit.after') }}
              untold={t('audit.untold')}
            />
          </div>
        )}
        <dl className="mt-2 grid gap-x-4 text-xs sm:grid-cols-[auto_minmax(0,1fr)]">
          {facts.map(
            ([name, value]) =>
              value && (
                <div key={name} className="contents">
                  <dt className="text-muted">{name}</dt>
                  <dd className="wrap-anywhere font-mono">{value}</dd>
                </div>
              ),
          )}
        </dl>
        <Link
          to="/audit"
          search={{ subject_id: subject.id }}
          className="mt-1 inline-block text-accent underline underline-offset-2"
        >
          {t('audit.history')}
        </Link>
      </details>
    </>
  )
}

/** What was changed: a link to its page, where the entry says whose it is. Those of earlier versions do not. */
function Subject({ entry: { action, subject } }: { entry: AuditEntry }) {
  const name = subject.name || (subject.type === 'environment' ? '' : subject.id)
  const link = 'text-accent underline underline-offset-2'
  if ((subject.type === 'agent' || subject.type === 'campaign') && action !== 'owner.deleted')
    return (
      <Link to="/$kind/$owner" params={{ kind: kindOf(subject.type), owner: subject.id }} className={link}>
        {name}
      </Link>
    )
  const webhook = subject.type === 'webhook' ? subject.id : subject.webhook_id
  const { kind, id: owner } = ownerOf(subject)
  if (!webhook || !owner || action === 'webhook.deleted') return name
  const params = { kind, owner, webhook }
  if (subject.type === 'log')
    return (
      <Link to="/$kind/$owner/$webhook/logs/$log" params={{ ...params, log: subject.id }} className={link}>
        {name}
      </Link>
    )
  if (subject.type === 'bulk_retry')
    return (
      <Link to="/$kind/$owner/$webhook/retries/$job" params={{ ...params, job: subject.id }} className={link}>
        {name}
      </Link>
    )
  return (
    <Link to="/$kind/$owner/$webhook" params={params} className={link}>
      {name}
    </Link>
  )
}
