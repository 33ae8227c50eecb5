import { Link } from '@tanstack/react-router'
import type { StoredEvent } from '../api/events'
import { useTranslation } from '../i18n'
import { Clock } from '../ui/time'

/** Events, a row each. On a narrow screen what is in the hidden columns stands below the event. */
export function EventTable({ events, stale }: { events: StoredEvent[]; stale?: boolean }) {
  const { t, eventMeaning } = useTranslation()
  return (
    <table className={`w-full border-line border-t text-left ${stale ? 'opacity-60' : ''}`}>
      <caption className="sr-only">{t('nav.events')}</caption>
      <thead className="text-muted text-xs">
        <tr className="[&>th:first-child]:pl-4 [&>th:last-child]:pr-4 [&>th]:px-2 [&>th]:py-2 [&>th]:font-medium">
          <th scope="col">{t('event')}</th>
          <th scope="col" className="hidden sm:table-cell">
            {t('event.owner')}
          </th>
          <th scope="col" className="hidden sm:table-cell">
            {t('event.went')}
          </th>
          <th scope="col" className="hidden text-right sm:table-cell">
            {t('time')}
          </th>
        </tr>
      </thead>
      <tbody className="divide-y divide-line border-line border-t">
        {events.map((event) => (
          <tr
            key={event.id}
            className="group relative h-10 focus-within:bg-accent/6 hover:bg-sunken/60 [&>td:first-child]:pl-4 [&>td:last-child]:pr-4 [&>td]:px-2 [&>td]:py-1 max-sm:[&>td]:py-2"
          >
            <td className="min-w-0">
              {/* The link covers its row. */}
              <Link
                to="/events/$event"
                params={{ event: event.id }}
                title={eventMeaning(event.event)}
                className="wrap-anywhere font-medium outline-none after:absolute after:inset-0 focus-visible:after:outline-2 focus-visible:after:outline-accent focus-visible:after:-outline-offset-2 group-hover:text-accent"
              >
                {event.event}
              </Link>
              <span className="block text-muted text-xs sm:hidden">
                <Went event={event} /> · {nameOf(event)} · <Clock at={event.created_at} />
              </span>
            </td>
            <td className="hidden min-w-0 text-sm sm:table-cell">
              <span className="wrap-anywhere">{nameOf(event)}</span>
            </td>
            <td className="hidden text-sm sm:table-cell">
              <Went event={event} />
            </td>
            <td className="hidden text-right text-muted sm:table-cell">
              <Clock at={event.created_at} />
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  )
}

const nameOf = ({ agent_id, agent_name, campaign_name }: StoredEvent) => (agent_id ? agent_name : campaign_name)

/** Whether an event went to a webhook, or why it did not. */
function Went({ event: { undelivered_reason: reason } }: { event: StoredEvent }) {
  const { t } = useTranslation()
  return reason ? <span className="text-warn">{t(`undelivered.${reason}`)}</span> : t('event.sent')
}
