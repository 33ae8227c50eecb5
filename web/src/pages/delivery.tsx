import { getRouteApi, Link, useNavigate } from '@tanstack/react-router'
import { useState } from 'react'
import { isSuperseded, useAttempts, useDelivery, usePreview } from '../api/deliveries'
import type { Delivery } from '../api/delivery'
import type { Place } from '../api/owned'
import { useWebhook } from '../api/webhooks'
import { useTranslation } from '../i18n'
import { useMay } from '../scope'
import { Button } from '../ui/button'
import { Code, CopyButton, Headers } from '../ui/code'
import { Facts } from '../ui/facts'
import { Loaded } from '../ui/loaded'
import { Notice } from '../ui/notice'
import { Card, Heading, Trail } from '../ui/page'
import { useShortcuts } from '../ui/shortcuts'
import { Status } from '../ui/status'
import { Ago, Clock } from '../ui/time'
import { curl, maskedHeaders } from './curl'
import { failure } from './delivery-table'
import { paramsOf, placeOf } from './place'
import { bodyText, RetryDialog } from './retry-dialog'
import { Timeline } from './timeline'

const route = getRouteApi('/$kind/$owner/$webhook/logs/$log')

/** One attempt: what was sent, what came back, what came before it and what comes next. */
export function DeliveryPage() {
  const { t, eventMeaning } = useTranslation()
  const { log: id, ...at } = route.useParams()
  const place = placeOf(at)
  const navigate = useNavigate()
  const [retrying, setRetrying] = useState(false)
  const delivery = useDelivery(place, id)
  const attempts = useAttempts(place, delivery.data?.event_id)
  const hook = useWebhook(place)
  const log = delivery.data
  // A retry would be refused when a later attempt has got through, or may yet.
  const later = log && attempts.data?.find((other) => isSuperseded(log, [other]))
  const may = useMay('retry')
  const retriable = may && log?.status === 'failed' && !later
  const retry = () => retriable && setRetrying(true)
  useShortcuts({ r: retry })
  const params = paramsOf(place)
  return (
    <>
      <Heading
        title={log?.event ?? (delivery.error ? t('audit.subject.log') : '…')}
        above={
          <Trail label={t('trail')}>
            {[
              <Link key="webhook" to="/$kind/$owner/$webhook" params={params}>
                {hook.data?.name ?? t('webhook')}
              </Link>,
              <Link key="log" to="/$kind/$owner/$webhook" params={params}>
                {t('nav.deliveries')}
              </Link>,
            ]}
          </Trail>
        }
        below={
          log ? (
            <span className="flex flex-wrap items-center gap-x-2.5 gap-y-1" aria-live="polite">
              <Status of={log.status} />
              <span className="text-sm">
                {t('attempt.n', { n: log.attempt })}, {t(`trigger.${log.trigger}`)}
                {eventMeaning(log.event) && ` · ${eventMeaning(log.event)}`}
              </span>
            </span>
          ) : (
            <span className="inline-block h-6" />
          )
        }
        actions={
          log && (
            <>
              <CurlButton place={place} log={log} />
              {may && (
                <Button look="primary" icon="again" disabled={!retriable} onClick={retry}>
                  {t('retry')}
                </Button>
              )}
            </>
          )
        }
      />
      <Loaded of={delivery} rows={3} row="h-32">
        {(log) => (
          <>
            <Outcome log={log} later={later} />
            <div className="grid items-start gap-4 lg:grid-cols-[minmax(0,1fr)_19rem]">
              <div className="grid min-w-0 gap-4">
                <Request log={log} />
                <Response log={log} />
              </div>
              <div className="grid min-w-0 gap-4 max-lg:order-first sm:max-lg:grid-cols-2">
                <Card title={t('attempts')} id="attempts">
                  <div className="p-4 pt-2">
                    <Loaded of={attempts} rows={2}>
                      {(all) => <Timeline place={place} attempts={all} current={id} />}
                    </Loaded>
                  </div>
                </Card>
                <LogFacts log={log} />
              </div>
            </div>
          </>
        )}
      </Loaded>
      {retrying && log && (
        <RetryDialog
          place={place}
          log={log}
          onClose={() => setRetrying(false)}
          onRetried={(next) => {
            setRetrying(false)
            navigate({ to: '/$kind/$owner/$webhook/logs/$log', params: { ...params, log: next } })
          }}
        />
      )}
    </>
  )
}

function Outcome({ log, later }: { log: Delivery; later: Delivery | undefined }) {
  const { t, server } = useTranslation()
  if (!log.error) return null
  return (
    <div className="mb-4">
      <Notice tone={log.status === 'retrying' ? 'warn' : 'bad'} title={failure(log, server)}>
        {log.error_detail && <p>{log.error_detail}</p>}
        {log.status === 'retrying' && (
          <p>
            {t('failed.retrying')}
            {log.next_attempt_at && (
              <>
                {' '}
                <Ago at={log.next_attempt_at} />
              </>
            )}
            .
          </p>
        )}
        {log.status === 'failed' && (
          <p>{later ? t(`failed.later.${later.status}`, { n: later.attempt }) : t('failed.next')}</p>
        )}
      </Notice>
    </div>
  )
}

function Request({ log }: { log: Delivery }) {
  const { t } = useTranslation()
  const sent = log.request_url !== undefined || log.request_headers !== undefined
  return (
    <Card title={t('request')} id="request">
      <div className="grid gap-3 p-4 pt-1">
        {!sent && <p className="text-muted">{t('request.none')}</p>}
        {log.request_url && <p className="wrap-anywhere font-mono text-[0.8125rem]">{log.request_url}</p>}
        {sent && (
          <>
            <Part title={t('headers')}>
              <Headers of={log.request_headers} empty={t('headers.none')} />
            </Part>
            <Part title={t('body')}>
              <Code label={t('request.body')} text={bodyText(log.request_payload)} empty={t('body.empty')} />
            </Part>
          </>
        )}
      </div>
    </Card>
  )
}

function Response({ log }: { log: Delivery }) {
  const { t } = useTranslation()
  if (log.http_status === undefined)
    return (
      <Card title={t('response')} id="response">
        <p className="p-4 pt-1 text-muted">{t(log.status === 'pending' ? 'response.waiting' : 'response.none')}</p>
      </Card>
    )
  return (
    <Card title={t('response')} id="response" aside={<span className="font-medium">HTTP {log.http_status}</span>}>
      <div className="grid gap-3 p-4 pt-1">
        <Part title={t('headers')}>
          <Headers of={log.response_headers} empty={t('headers.none')} />
        </Part>
        <Part title={t('body')}>
          <Code label={t('response.body')} text={log.response_body ?? ''} empty={t('body.empty')} />
          {log.response_truncated && <p className="text-muted text-sm">{t('response.truncated')}</p>}
        </Part>
      </div>
    </Card>
  )
}

function Part({ title, children }: { title: string; children: React.ReactNode }) {
  return (
    <div className="grid min-w-0 gap-1.5">
      <h3 className="font-medium text-muted text-xs">{title}</h3>
      {children}
    </div>
  )
}

function LogFacts({ log }: { log: Delivery }) {
  const { t, duration, moment } = useTranslation()
  const facts: [string, React.ReactNode][] = [[t('created'), moment(log.created_at)]]
  if (log.status === 'pending' && log.next_attempt_at) facts.push([t('due'), moment(log.next_attempt_at)])
  if (log.duration_ms !== undefined) facts.push([t('duration'), duration(log.duration_ms)])
  if (log.delivered_at) facts.push([t('delivered'), <Clock key="at" at={log.delivered_at} />])
  return (
    <Facts
      facts={facts}
      ids={[
        [t('log.id'), log.id],
        [t('event.id'), log.event_id],
      ]}
    />
  )
}

/** The method is told by the preview only: an entry of the log does not hold it. */
function CurlButton({ place, log }: { place: Place; log: Delivery }) {
  const { t } = useTranslation()
  const preview = usePreview(place, log.id)
  const request = preview.data?.then ?? preview.data?.now
  if (!request) return null
  const masked = maskedHeaders(request)
  return (
    <span className="grid justify-items-end gap-1">
      <CopyButton look="plain" text={curl(request)} label={t('curl')} />
      {masked.length > 0 && (
        <span className="max-w-60 text-right text-muted text-xs">
          {t('curl.masked', { headers: masked.join(', ') })}
        </span>
      )}
    </span>
  )
}
