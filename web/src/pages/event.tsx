import { getRouteApi, Link } from '@tanstack/react-router'
import { type ReactNode, useState } from 'react'
import { noticeOf, type OperatorNotice, ownerName, type StoredEvent, useEvent } from '../api/events'
import { sourceOf } from '../api/exact'
import { kinds, type Owner, ownerOf } from '../api/kinds'
import { useTranslation } from '../i18n'
import { useMay } from '../scope'
import { Button } from '../ui/button'
import { Code } from '../ui/code'
import { Facts } from '../ui/facts'
import { Loaded } from '../ui/loaded'
import { Notice } from '../ui/notice'
import { Card, Heading, Trail } from '../ui/page'
import { Status } from '../ui/status'
import { paramsOf } from './place'
import { SendDialog } from './send-dialog'

const route = getRouteApi('/events/$event')

/** One event: what it holds, where it went, and why it went nowhere. */
export function EventPage() {
  const { t, eventMeaning } = useTranslation()
  const { event: id } = route.useParams()
  const [sending, setSending] = useState(false)
  const may = useMay('retry')
  const stored = useEvent(id)
  const event = stored.data
  return (
    <>
      <Heading
        title={event?.event ?? (stored.error ? t('event') : '…')}
        above={
          <Trail label={t('trail')}>
            {[
              <Link key="events" to="/events">
                {t('nav.events')}
              </Link>,
            ]}
          </Trail>
        }
        below={event && <span className="text-sm">{eventMeaning(event.event)}</span>}
        actions={
          event &&
          may && (
            <Button look="primary" icon="envelope" onClick={() => setSending(true)}>
              {t('event.send')}
            </Button>
          )
        }
      />
      <Loaded of={stored} rows={3} row="h-32">
        {(event) => (
          <>
            {event.undelivered_reason && (
              <div className="mb-4">
                <Notice tone="warn" title={t('undelivered')}>
                  <p>{t(`undelivered.${event.undelivered_reason}.what`)}</p>
                  <p>{t('undelivered.next')}</p>
                </Notice>
              </div>
            )}
            <div className="grid items-start gap-4 lg:grid-cols-[minmax(0,1fr)_19rem]">
              <div className="grid min-w-0 gap-4">
                <Deliveries event={event} />
                <Card title={t('event.payload')} id="payload">
                  <div className="p-4 pt-1">
                    <Code label={t('event.payload.whole')} text={sourceOf(event.payload) ?? '{}'} />
                  </div>
                </Card>
              </div>
              <EventFacts event={event} />
            </div>
          </>
        )}
      </Loaded>
      {sending && event && <SendDialog event={event} onClose={() => setSending(false)} />}
    </>
  )
}

function Deliveries({ event: { deliveries = [] } }: { event: StoredEvent }) {
  const { t } = useTranslation()
  return (
    <Card title={t('nav.deliveries')} id="deliveries">
      {deliveries.length === 0 ? (
        <p className="p-4 pt-1 text-muted">{t('event.deliveries.none')}</p>
      ) : (
        <ul className="divide-y divide-line">
          {deliveries.map((d) => (
            <li key={d.webhook_id}>
              <Link
                to="/$kind/$owner/$webhook/logs/$log"
                params={{ ...paramsOf({ owner: ownerOf(d), webhook: d.webhook_id }), log: d.log_id }}
                className="flex flex-wrap items-center gap-x-3 gap-y-1 px-4 py-2.5 -outline-offset-2! hover:bg-sunken/60"
              >
                <Status of={d.status} />
                <span className="wrap-anywhere min-w-0 flex-1 font-medium">{d.webhook_name}</span>
                <span className="text-muted text-sm">
                  {d.http_status !== undefined && `HTTP ${d.http_status} · `}
                  {t('event.attempts', { count: d.attempts })}
                </span>
              </Link>
            </li>
          ))}
        </ul>
      )}
    </Card>
  )
}

function EventFacts({ event }: { event: StoredEvent }) {
  const { t, moment } = useTranslation()
  const owner = ownerOf(event)
  const link = ({ kind, id }: Owner, name: string | undefined): [string, ReactNode] => [
    t(`kind.${kinds[kind].one}`),
    <Link key={kind} to="/$kind/$owner" params={{ kind, owner: id }} className="hover:text-accent">
      {name ?? id}
    </Link>,
  ]
  const facts = [link(owner, ownerName(event))]
  if (event.agent_id && event.campaign_id)
    facts.push(link({ kind: 'campaigns', id: event.campaign_id }, event.campaign_name))
  const notice = noticeOf(event)
  if (notice) facts.push([t('webhook'), <About key="about" of={notice} />])
  facts.push([t('event.accepted'), moment(event.created_at)])
  if (event.occurred_at) facts.push([t('event.occurred'), moment(event.occurred_at)])
  return <Facts facts={facts} ids={[[t('event.id'), event.id]]} />
}

/** Leads to what an operator is told of: the delivery where there is one, the webhook otherwise. */
function About({ of: { webhook, delivery } }: { of: OperatorNotice }) {
  const params = paramsOf({ owner: ownerOf(webhook), webhook: webhook.id })
  const look = 'text-accent underline underline-offset-2'
  return delivery ? (
    <Link to="/$kind/$owner/$webhook/logs/$log" params={{ ...params, log: delivery.log_id }} className={look}>
      {webhook.name}, {delivery.event}
    </Link>
  ) : (
    <Link to="/$kind/$owner/$webhook" params={params} className={look}>
      {webhook.name}
    </Link>
  )
}
