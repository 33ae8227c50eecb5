import { getRouteApi, Link } from '@tanstack/react-router'
import { type ReactNode, useState } from 'react'
import { ownerOf, type StoredEvent, useEvent } from '../api/events'
import { useTranslation } from '../i18n'
import { useMay } from '../scope'
import { Button } from '../ui/button'
import { Code, CopyButton } from '../ui/code'
import { Fault, Notice } from '../ui/notice'
import { Card, Heading, Loading, Trail } from '../ui/page'
import { Status } from '../ui/status'
import { SendDialog } from './send-dialog'

const route = getRouteApi('/events/$event')

/** One event: what it holds, where it went, and why it went nowhere. */
export function EventPage() {
  const { t, eventMeaning } = useTranslation()
  const { event: id } = route.useParams()
  const [sending, setSending] = useState(false)
  const may = useMay('retry')
  const { data: event, error, refetch } = useEvent(id)
  const reason = event?.undelivered_reason
  return (
    <>
      <Heading
        title={event?.event ?? '…'}
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
      {error ? (
        <Fault of={error} retry={() => refetch()} />
      ) : !event ? (
        <Loading label={t('loading')} rows={3} row="h-32" />
      ) : (
        <>
          {reason && (
            <div className="mb-4">
              <Notice tone="warn" title={t('undelivered')}>
                <p>{t(`undelivered.${reason}.what`)}</p>
                <p>{t('undelivered.next')}</p>
              </Notice>
            </div>
          )}
          <div className="grid items-start gap-4 lg:grid-cols-[minmax(0,1fr)_19rem]">
            <div className="grid min-w-0 gap-4">
              <Deliveries event={event} />
              <Card title={t('event.payload')} id="payload">
                <div className="p-4 pt-1">
                  <Code label={t('event.payload.whole')} text={JSON.stringify(event.payload ?? {})} />
                </div>
              </Card>
            </div>
            <Facts event={event} />
          </div>
        </>
      )}
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
                params={{
                  kind: d.agent_id ? 'agents' : 'campaigns',
                  owner: d.agent_id ?? d.campaign_id ?? '',
                  webhook: d.webhook_id,
                  log: d.log_id,
                }}
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

function Facts({ event }: { event: StoredEvent }) {
  const { t, moment } = useTranslation()
  const owner = ownerOf(event)
  const facts: [string, ReactNode][] = [
    [
      t(owner.kind === 'agents' ? 'kind.agent' : 'kind.campaign'),
      <Link key="owner" to="/$kind/$owner" params={{ kind: owner.kind, owner: owner.id }} className="hover:text-accent">
        {event.agent_name ?? event.campaign_name ?? owner.id}
      </Link>,
    ],
  ]
  if (event.agent_id && event.campaign_id)
    facts.push([
      t('kind.campaign'),
      <Link
        key="campaign"
        to="/$kind/$owner"
        params={{ kind: 'campaigns', owner: event.campaign_id }}
        className="hover:text-accent"
      >
        {event.campaign_name ?? event.campaign_id}
      </Link>,
    ])
  facts.push([t('event.accepted'), moment(event.created_at)])
  if (event.occurred_at) facts.push([t('event.occurred'), moment(event.occurred_at)])
  return (
    <Card title={t('facts')} id="facts">
      <dl className="grid gap-2.5 p-4 pt-1 text-sm">
        {facts.map(([name, value]) => (
          <div key={name} className="flex justify-between gap-3">
            <dt className="text-muted">{name}</dt>
            <dd className="wrap-anywhere text-right">{value}</dd>
          </div>
        ))}
        <div>
          <dt className="flex items-center justify-between text-muted">
            {t('event.id')} <CopyButton text={event.id} label={t('copy')} />
          </dt>
          <dd className="wrap-anywhere font-mono text-xs">{event.id}</dd>
        </div>
      </dl>
    </Card>
  )
}
