import { getRouteApi, Link, useNavigate } from '@tanstack/react-router'
import type { ReactNode } from 'react'
import { kindOf } from '../api/kinds'
import { readPeriod } from '../api/list-search'
import { type Overview, type Period, useOverview } from '../api/overview'
import { useTranslation } from '../i18n'
import { buttonLook } from '../ui/button'
import { Choice } from '../ui/choice'
import { Fault } from '../ui/notice'
import { Card, Empty, Heading, Loading } from '../ui/page'
import { RowName, rowLook } from '../ui/row'
import { Status } from '../ui/status'
import { Ago, useNow } from '../ui/time'
import { OutcomeChart } from './outcome-chart'

const route = getRouteApi('/')

/** How the environment's deliveries are doing. */
export function OverviewPage() {
  const { t } = useTranslation()
  const { period = 'day' } = route.useSearch({ select: readPeriod, structuralSharing: true })
  const navigate = useNavigate()
  const overview = useOverview(period)
  const data = overview.data
  return (
    <>
      <Heading
        title={t('nav.overview')}
        actions={
          <Choice<Period>
            label={t('period')}
            value={period}
            onChange={(chosen) =>
              navigate({ to: '/', search: chosen === 'day' ? {} : { period: chosen }, replace: true })
            }
            options={(['hour', 'day', 'week', 'month'] as const).map((value) => ({
              value,
              label: t(`period.${value}.short`),
            }))}
          />
        }
      />
      {overview.error && (
        <div className="mb-4">
          <Fault of={overview.error} retry={() => overview.refetch()} />
        </div>
      )}
      {data ? (
        <div className={`grid gap-4 ${overview.isPlaceholderData ? 'opacity-60' : ''}`}>
          <Numbers data={data} />
          <Card title={t('chart')} id="chart">
            <OutcomeChart data={data} />
          </Card>
          <Failing data={data} />
        </div>
      ) : (
        !overview.error && <Loading label={t('loading')} rows={3} row="h-40" />
      )}
    </>
  )
}

function Numbers({ data: { totals, latency_ms: latency, queue } }: { data: Overview }) {
  const { t, number, percent, duration } = useTranslation()
  const sent = totals.success + totals.failed
  const more = queue.is_lower_bound ? '+' : ''
  return (
    <dl className="card grid grid-cols-2 divide-line max-lg:[&>*:nth-child(n+3)]:border-t lg:grid-cols-4 lg:divide-x [&>*:nth-child(even)]:border-l [&>*]:border-line lg:[&>*]:border-l-0!">
      <Figure
        name={t('rate')}
        value={totals.success_rate === undefined ? '–' : percent(totals.success_rate)}
        bad={(totals.success_rate ?? 1) < 0.95}
      >
        {t('rate.of', { count: sent })}
      </Figure>
      <Figure name={t('failedAttempts')} value={number(totals.failed)}>
        {t('succeeded', { count: totals.success })}
      </Figure>
      <Figure name={t('latency')} value={latency.p50 === undefined ? '–' : duration(latency.p50)}>
        {latency.p95 === undefined ? t('latency.none') : t('latency.p95', { time: duration(latency.p95) })}
      </Figure>
      <Figure name={t('queue')} value={number(queue.open) + more}>
        <QueueAge queue={queue} />
      </Figure>
    </dl>
  )
}

function QueueAge({ queue }: { queue: Overview['queue'] }) {
  const { t, duration } = useTranslation()
  const now = useNow()
  const late = queue.oldest_due_at ? Math.max(now - Date.parse(queue.oldest_due_at), 0) : undefined
  const parts = [
    late !== undefined && t('queue.oldest', { time: duration(late) }),
    queue.scheduled > 0 && t('queue.scheduled', { count: queue.scheduled }),
  ].filter(Boolean)
  return <>{parts.length > 0 ? parts.join(' · ') : t('queue.empty')}</>
}

function Figure({ name, value, children, bad }: { name: string; value: string; children: ReactNode; bad?: boolean }) {
  return (
    <div className="px-4 py-3.5">
      <dt className="text-muted text-sm">{name}</dt>
      <dd className={`mt-0.5 font-semibold text-2xl tracking-tight ${bad ? 'text-bad' : ''}`}>{value}</dd>
      <dd className="text-muted text-sm">{children}</dd>
    </div>
  )
}

function Failing({ data: { failing, failing_from, totals } }: { data: Overview }) {
  const { t } = useTranslation()
  if (failing.length === 0)
    return (
      <Card title={t('failing')} id="failing">
        {totals.success + totals.failed === 0 ? (
          <Empty
            title={t('failing.nothing')}
            action={
              <Link to="/$kind" params={{ kind: 'agents' }} className={buttonLook('primary')}>
                {t('webhooks.toAgents')}
              </Link>
            }
          >
            {t('failing.nothing.next')}
          </Empty>
        ) : (
          <Empty title={t('failing.none')} />
        )}
      </Card>
    )
  return (
    <Card title={t('failing')} id="failing">
      <ul className="mt-1 divide-y divide-line border-line border-t">
        {failing.map((hook) => (
          <li key={hook.webhook_id}>
            <Link
              to="/$kind/$owner/$webhook"
              params={{ kind: kindOf(hook.kind), owner: hook.owner_id, webhook: hook.webhook_id }}
              search={{ status: 'failed', from: failing_from }}
              className={`${rowLook} grid-cols-[minmax(0,1fr)_auto] sm:grid-cols-[minmax(0,1fr)_11rem_7rem_6.5rem]`}
            >
              <RowName name={hook.webhook_name} below={hook.owner_name} />
              <span className="text-right sm:text-left">
                <span className="font-medium text-bad">{t('failing.count', { count: hook.failed })}</span>
                <span className="block text-muted text-sm">{t('failing.success', { count: hook.success })}</span>
              </span>
              <span className="hidden text-muted text-sm sm:block">
                <Ago at={hook.last_failed_at} />
              </span>
              <span className="hidden justify-self-end sm:block">
                <Status of={hook.status} />
              </span>
            </Link>
          </li>
        ))}
      </ul>
    </Card>
  )
}
