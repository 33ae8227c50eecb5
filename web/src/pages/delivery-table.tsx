import { Link } from '@tanstack/react-router'
import { memo, type Ref, useState } from 'react'
import { isSuperseded } from '../api/deliveries'
import type { Delivery } from '../api/delivery'
import type { Place } from '../api/owned'
import { useTranslation } from '../i18n'
import { Button } from '../ui/button'
import { Status } from '../ui/status'
import { type Column, coverLook, Table, tableRowLook } from '../ui/table'
import { Ago, Clock } from '../ui/time'
import { paramsOf } from './place'

/** Attempts, a row each. On a narrow screen what is in the hidden columns stands below the event. */
export function DeliveryTable({
  place,
  logs,
  onRetry,
  onFocus,
  stale,
  ref,
}: {
  place: Place
  logs: Delivery[]
  onRetry?: (log: Delivery) => void
  /** Tells which row has the focus, and that none has. */
  onFocus?: (log: Delivery | undefined) => void
  stale?: boolean
  ref?: Ref<HTMLTableSectionElement>
}) {
  const { t } = useTranslation()
  const columns: Column[] = [
    { title: t('status'), look: 'w-px' },
    { title: t('event') },
    { title: t('answer'), look: 'hidden sm:table-cell' },
    { title: t('attempt'), look: 'hidden text-right md:table-cell' },
    { title: t('duration'), look: 'hidden text-right md:table-cell' },
    { title: t('time'), look: 'hidden text-right sm:table-cell' },
  ]
  if (onRetry) columns.push({ title: t('actions'), look: 'hidden w-px sm:table-cell', unseen: true })
  return (
    <Table caption={t('nav.deliveries')} columns={columns} stale={stale} ref={ref}>
      {logs.map((log) => (
        <Row
          key={log.id}
          place={place}
          log={log}
          retriable={log.status === 'failed' && !isSuperseded(log, logs)}
          onRetry={onRetry}
          onFocus={onFocus}
        />
      ))}
    </Table>
  )
}

/** A row is drawn again only when something that it shows has changed: a busy log changes many times a second. */
const Row = memo(DrawnRow, (before, after) => {
  const [old, log] = [before.log, after.log]
  return (
    before.retriable === after.retriable &&
    before.onRetry === after.onRetry &&
    before.onFocus === after.onFocus &&
    shown.every((field) => old[field] === log[field])
  )
})

const shown = ['id', 'status', 'http_status', 'error', 'duration_ms', 'next_attempt_at', 'waiting_for'] as const

function DrawnRow({
  place,
  log,
  retriable,
  onRetry,
  onFocus,
}: {
  place: Place
  log: Delivery
  retriable: boolean
  onFocus: ((log: Delivery | undefined) => void) | undefined
  onRetry: ((log: Delivery) => void) | undefined
}) {
  const { t, duration, eventMeaning } = useTranslation()
  const [fresh] = useState(() => Date.now() - Date.parse(log.created_at) < 3000)
  return (
    <tr
      data-log={log.id}
      onFocus={() => onFocus?.(log)}
      onBlur={() => onFocus?.(undefined)}
      className={`${tableRowLook} ${fresh ? 'fresh' : ''}`}
    >
      <td className="align-top sm:align-middle">
        <Status of={log.status} />
      </td>
      <td className="min-w-0">
        {/* The link covers its row. */}
        <Link
          to="/$kind/$owner/$webhook/logs/$log"
          params={{ ...paramsOf(place), log: log.id }}
          data-log={log.id}
          title={eventMeaning(log.event)}
          className={coverLook}
        >
          {log.event}
        </Link>
        {log.trigger !== 'automatic' && <span className="ml-2 text-muted text-xs">{t(`trigger.${log.trigger}`)}</span>}
        <span className="block text-muted text-xs sm:hidden">
          <Answer log={log} /> · <Clock at={log.created_at} />
        </span>
      </td>
      <td className="hidden text-sm sm:table-cell">
        <Answer log={log} />
      </td>
      <td className="hidden text-right md:table-cell">{log.attempt}</td>
      <td className="hidden whitespace-nowrap text-right text-muted md:table-cell">
        {log.duration_ms === undefined ? '' : duration(log.duration_ms)}
      </td>
      <td className="hidden text-right text-muted sm:table-cell">
        <Clock at={log.created_at} />
      </td>
      {onRetry && (
        <td className="hidden w-px text-right sm:table-cell">
          {retriable && (
            <Button
              small
              className="relative min-h-7!"
              onClick={() => onRetry(log)}
              aria-label={t('retry.of', { event: log.event })}
            >
              {t('retry')}
            </Button>
          )}
        </td>
      )}
    </tr>
  )
}

/** Why an attempt failed: the status and its reason phrase, or what kept it from an answer. */
export function failure(log: Delivery, server: (text: string) => string) {
  const cause = server(log.error ?? '')
  return log.http_status && !cause.startsWith('HTTP ') ? `HTTP ${log.http_status} ${cause}` : cause
}

/** What came back, or why nothing did, or when it is due. */
export function Answer({ log }: { log: Delivery }) {
  const { t, server } = useTranslation()
  if (log.status === 'pending' && log.next_attempt_at && Date.parse(log.next_attempt_at) > Date.now() + 1000)
    return (
      <span className="text-muted">
        {t('due')} <Ago at={log.next_attempt_at} />
      </span>
    )
  if (log.waiting_for === 'proxy') return <span className="text-muted">{t('held.proxy')}</span>
  if (log.status === 'pending') return <span className="text-muted">{t('sending')}</span>
  if (log.error)
    return (
      <>
        {failure(log, server)}
        {log.next_attempt_at && (
          <span className="text-muted">
            , {t('next')} <Ago at={log.next_attempt_at} />
          </span>
        )}
      </>
    )
  return <>HTTP {log.http_status}</>
}
