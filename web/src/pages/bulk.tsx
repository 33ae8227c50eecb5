import { getRouteApi, Link } from '@tanstack/react-router'
import { useState } from 'react'
import { type BulkRetry, isOpen, useBulkRetry, useSteerBulk } from '../api/bulk'
import type { Place } from '../api/owned'
import { useTranslation } from '../i18n'
import { useMay } from '../scope'
import { Button, buttonLook } from '../ui/button'
import { Confirm } from '../ui/confirm'
import { Fault } from '../ui/notice'
import { Loading } from '../ui/page'
import { Progress } from '../ui/progress'
import { Status } from '../ui/status'
import { Ago } from '../ui/time'
import { FilterWords } from './filter-words'
import { paramsOf, placeOf } from './place'

const route = getRouteApi('/$kind/$owner/$webhook/retries/$job')

/** One bulk retry: how far it is, and the levers. */
export function BulkPage() {
  const { t } = useTranslation()
  const at = route.useParams()
  const place = placeOf(at)
  const job = useBulkRetry(place, at.job)
  const may = useMay('retry')
  if (job.error && !job.data) return <Fault of={job.error} retry={() => job.refetch()} />
  if (!job.data) return <Loading label={t('loading')} rows={2} row="h-20" />
  const { created_at } = job.data
  return (
    <div className="grid gap-4">
      {job.error && <Fault of={job.error} retry={() => job.refetch()} />}
      <section className="card grid gap-4 p-4 sm:p-5" aria-labelledby="job">
        <div className="flex flex-wrap items-start justify-between gap-3">
          <div className="grid gap-1">
            <div className="flex flex-wrap items-center gap-2.5">
              <h2 id="job" className="font-semibold text-base">
                {t(job.data.kind === 'replay' ? 'replay.job' : 'bulk.job')}
              </h2>
              <span aria-live="polite">
                <Status of={job.data.status} />
              </span>
            </div>
            <FilterWords filter={job.data.filter} />
            <p className="text-muted text-sm">
              {t('begun')} <Ago at={created_at} />
              {job.data.ended_at && (
                <>
                  {' · '}
                  {t('ended')} <Ago at={job.data.ended_at} />
                </>
              )}
            </p>
            {job.data.paused_by && <p className="text-muted text-sm">{t(`paused.${job.data.paused_by}`)}</p>}
          </div>
          {may && isOpen(job.data) && <Levers place={place} job={job.data} />}
        </div>
        <Progress label={t('bulk.progress')} value={job.data.retried + job.data.skipped.total} max={job.data.matched} />
        <Counts job={job.data} />
        <div className="flex flex-wrap gap-2 border-line border-t pt-4">
          {([undefined, 'failed'] as const).map((status) => (
            <Link
              key={String(status)}
              to="/$kind/$owner/$webhook"
              params={paramsOf(place)}
              search={{ from: created_at, ...(status && { status }) }}
              className={buttonLook('plain', true)}
            >
              {t(status ? 'bulk.stillFailed' : 'bulk.deliveries')}
            </Link>
          ))}
        </div>
      </section>
    </div>
  )
}

function Counts({ job: { kind, matched, retried, skipped, remaining } }: { job: BulkRetry }) {
  const { t, number } = useTranslation()
  const reasons = (['already_succeeded', 'in_progress', 'too_old', 'retried_since'] as const).filter(
    (reason) => skipped[reason] > 0,
  )
  return (
    <>
      <dl className="grid grid-cols-2 gap-4 sm:grid-cols-4">
        {(
          [
            ['bulk.matched', matched],
            [kind === 'replay' ? 'replay.sent' : 'bulk.retried', retried],
            ['bulk.skipped', skipped.total],
            ['bulk.remaining', remaining],
          ] as const
        ).map(([key, value]) => (
          <div key={key}>
            <dt className="text-muted text-sm">{t(key)}</dt>
            <dd className="font-semibold text-2xl tracking-tight">{number(value)}</dd>
          </div>
        ))}
      </dl>
      {reasons.length > 0 && (
        <ul className="text-muted text-sm">
          {reasons.map((reason) => (
            <li key={reason}>
              {number(skipped[reason])} ×{' '}
              {t(kind === 'replay' && reason === 'retried_since' ? 'skipped.sent_since' : `skipped.${reason}`)}
            </li>
          ))}
        </ul>
      )}
    </>
  )
}

function Levers({ place, job }: { place: Place; job: BulkRetry }) {
  const { t } = useTranslation()
  const steer = useSteerBulk(place, job.id)
  const [asking, setAsking] = useState(false)
  const paused = job.status === 'paused'
  return (
    <div className="grid justify-items-end gap-2">
      <div className="flex gap-2">
        <Button
          icon={paused ? 'play' : 'pause'}
          busy={steer.isPending}
          onClick={() => steer.mutate(paused ? 'resume' : 'pause')}
        >
          {t(paused ? 'resume' : 'pause')}
        </Button>
        <Button icon="cross" onClick={() => setAsking(true)}>
          {t('bulk.cancel')}
        </Button>
      </div>
      {steer.error && !asking && <Fault of={steer.error} />}
      {asking && (
        <Confirm
          title={t('bulk.cancel')}
          action={t('bulk.cancel')}
          busy={steer.isPending}
          fault={steer.error}
          onClose={() => setAsking(false)}
          onConfirm={() => steer.mutate('cancel', { onSuccess: () => setAsking(false) })}
        >
          {t('bulk.cancel.what')}
        </Confirm>
      )}
    </div>
  )
}
