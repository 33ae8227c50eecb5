import { Link } from '@tanstack/react-router'
import { type Ref, useState } from 'react'
import { type Delivery, isSuperseded, type Place } from '../api/deliveries'
import { useTranslation } from '../i18n'
import { Button } from '../ui/button'
import { Status } from '../ui/status'
import { Ago, Clock } from '../ui/time'

/** Attempts, a row each. On a narrow screen what is in the hidden columns stands below the event. */
export function DeliveryTable({
  place,
  logs,
  onRetry,
  stale,
  ref,
}: {
  place: Place
  logs: Delivery[]
  onRetry?: (log: Delivery) => void
  stale?: boolean
  ref?: Ref<HTMLTableSectionElement>
}) {
  const { t } = useTranslation()
  return (
    <table className={`w-full border-line border-t text-left ${stale ? 'opacity-60' : ''}`}>
      <caption className="sr-only">{t('nav.deliveries')}</caption>
      <thead className="text-muted text-xs">
        <tr className="[&>th:first-child]:pl-4 [&>th:last-child]:pr-4 [&>th]:px-2 [&>th]:py-2 [&>th]:font-medium">
          <th scope="col" className="w-px">
            {t('status')}
          </th>
          <th scope="col">{t('event')}</th>
          <th scope="col" className="hidden sm:table-cell">
            {t('answer')}
          </th>
          <th scope="col" className="hidden text-right md:table-cell">
            {t('attempt')}
          </th>
          <th scope="col" className="hidden text-right md:table-cell">
            {t('duration')}
          </th>
          <th scope="col" className="hidden text-right sm:table-cell">
            {t('time')}
          </th>
          {onRetry && (
            <th scope="col" className="hidden w-px sm:table-cell">
              <span className="sr-only">{t('actions')}</span>
            </th>
          )}
        </tr>
      </thead>
      <tbody ref={ref} className="divide-y divide-line border-line border-t">
        {logs.map((log) => (
          <Row
            key={log.id}
            place={place}
            log={log}
            retriable={log.status === 'failed' && !isSuperseded(log, logs)}
            onRetry={onRetry}
          />
        ))}
      </tbody>
    </table>
  )
}

function Row({
  place,
  log,
  retriable,
  onRetry,
}: {
  place: Place
  log: Delivery
  retriable: boolean
  onRetry: ((log: Delivery) => void) | undefined
}) {
  const { t, duration, eventMeaning } = useTranslation()
  const [fresh] = useState(() => Date.now() - Date.parse(log.created_at) < 3000)
  return (
    <tr
      data-log={log.id}
      className={`group relative h-10 focus-within:bg-accent/6 hover:bg-sunken/60 [&>td:first-child]:pl-4 [&>td:last-child]:pr-4 [&>td]:px-2 [&>td]:py-1 max-sm:[&>td]:py-2 ${fresh ? 'fresh' : ''}`}
    >
      <td className="align-top sm:align-middle">
        <Status of={log.status} />
      </td>
      <td className="min-w-0">
        {/* The link covers its row. */}
        <Link
          to="/$kind/$owner/$webhook/logs/$log"
          params={{ kind: place.owner.kind, owner: place.owner.id, webhook: place.webhook, log: log.id }}
          data-log={log.id}
          title={eventMeaning(log.event)}
          className="wrap-anywhere font-medium outline-none after:absolute after:inset-0 focus-visible:after:outline-2 focus-visible:after:outline-accent focus-visible:after:-outline-offset-2 group-hover:text-accent"
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

/** What came back, or why nothing did, or when it is due. */
export function Answer({ log }: { log: Delivery }) {
  const { t, server } = useTranslation()
  if (log.status === 'pending' && log.next_attempt_at && Date.parse(log.next_attempt_at) > Date.now() + 1000)
    return (
      <span className="text-muted">
        {t('due')} <Ago at={log.next_attempt_at} />
      </span>
    )
  if (log.status === 'pending') return <span className="text-muted">{t('sending')}</span>
  if (log.error)
    return (
      <>
        {server(log.error)}
        {log.next_attempt_at && (
          <span className="text-muted">
            , {t('next')} <Ago at={log.next_attempt_at} />
          </span>
        )}
      </>
    )
  return <>HTTP {log.http_status}</>
}
