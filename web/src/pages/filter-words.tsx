import type { BulkRetry } from '../api/bulk'
import { useTranslation } from '../i18n'

/** What a bulk retry was asked for, as a sentence would say it. */
export function FilterWords({ filter }: { filter: BulkRetry['filter'] }) {
  const { t, moment } = useTranslation()
  const words = [
    filter.undelivered === true && t('replay.undelivered'),
    filter.undelivered === false && t('replay.any'),
    ...(filter.events && filter.events.length > 3
      ? [t('webhook.events.count', { count: filter.events.length })]
      : (filter.events ?? [])),
    filter.event_ids && t('events.total', { count: filter.event_ids.length }),
    filter.event,
    filter.http_status && (filter.http_status === 'none' ? t('filter.http.none') : `HTTP ${filter.http_status}`),
    filter.from && t('filter.since', { at: moment(filter.from) }),
    filter.to && t('filter.until', { at: moment(filter.to) }),
    filter.event_id,
  ].filter(Boolean)
  return (
    <span className="wrap-anywhere min-w-0 text-sm">{words.length > 0 ? words.join(' · ') : t('bulk.everything')}</span>
  )
}
