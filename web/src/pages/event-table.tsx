import { Link } from '@tanstack/react-router'
import { ownerName, type StoredEvent } from '../api/events'
import { useTranslation } from '../i18n'
import { type Column, coverLook, Table, tableRowLook } from '../ui/table'
import { Clock } from '../ui/time'

/** Events, a row each. On a narrow screen what is in the hidden columns stands below the event. */
export function EventTable({ events, stale }: { events: StoredEvent[]; stale?: boolean }) {
  const { t, eventMeaning } = useTranslation()
  const columns: Column[] = [
    { title: t('event') },
    { title: t('event.owner'), look: 'hidden sm:table-cell' },
    { title: t('event.went'), look: 'hidden sm:table-cell' },
    { title: t('time'), look: 'hidden text-right sm:table-cell' },
  ]
  return (
    <Table caption={t('nav.events')} columns={columns} stale={stale}>
      {events.map((event) => (
        <tr key={event.id} className={tableRowLook}>
          <td className="min-w-0">
            {/* The link covers its row. */}
            <Link
              to="/events/$event"
              params={{ event: event.id }}
              title={eventMeaning(event.event)}
              className={coverLook}
            >
              {event.event}
            </Link>
            <span className="wrap-anywhere block text-muted text-xs sm:hidden">
              <Went event={event} /> · {ownerName(event)} · <Clock at={event.created_at} />
            </span>
          </td>
          <td title={ownerName(event)} className="hidden max-w-56 truncate text-sm sm:table-cell">
            {ownerName(event)}
          </td>
          <td className="hidden whitespace-nowrap text-sm sm:table-cell">
            <Went event={event} />
          </td>
          <td className="hidden text-right text-muted sm:table-cell">
            <Clock at={event.created_at} />
          </td>
        </tr>
      ))}
    </Table>
  )
}

/** Whether an event went to a webhook, or why it did not. */
function Went({ event: { undelivered_reason: reason } }: { event: StoredEvent }) {
  const { t } = useTranslation()
  return reason ? <span className="text-warn">{t(`undelivered.${reason}`)}</span> : t('event.sent')
}
