import { Link, useNavigate } from '@tanstack/react-router'
import type { ReactNode } from 'react'
import { type BulkRetry, isOpen, useBulkRetries } from '../api/bulk'
import { ApiError } from '../api/client'
import type { Place } from '../api/owned'
import { useTranslation } from '../i18n'
import { Button, buttonLook } from '../ui/button'
import type { IconName } from '../ui/icon'
import { Fault, Notice } from '../ui/notice'
import { Card, Empty, Loading } from '../ui/page'
import { paramsOf } from './place'

interface Matches<T> {
  matching: number
  sample: T[]
}

/** Begins a job of a webhook: choose by filter, see how many match and which, confirm. */
export function JobForm<T>({
  place,
  title,
  what,
  fields,
  more,
  matches,
  none,
  counted,
  action,
  begin,
  children,
}: {
  place: Place
  title: string
  what: string
  /** The filters, and below them what else there is to choose. */
  fields: ReactNode
  more?: ReactNode
  matches: {
    data: Matches<T> | undefined
    error: unknown
    isFetching: boolean
    /** What is shown is of other filters. */
    isPlaceholderData: boolean
    refetch: () => unknown
  }
  /** What stands there when nothing matches. */
  none: { title: string; next: string }
  counted: string
  action: { icon: IconName; words: string }
  begin: {
    isPending: boolean
    error: unknown
    run: (
      expected: number,
      then: { onSuccess: (job: BulkRetry) => unknown; onError: (fault: Error) => unknown },
    ) => void
  }
  /** The newest of what matches. */
  children: (sample: T[]) => ReactNode
}) {
  const { t } = useTranslation()
  const navigate = useNavigate()
  const jobs = useBulkRetries(place, 1)
  const open = jobs.data?.data.find(isOpen)
  // The button does what it says: not while the count is that of other filters, or may have changed.
  const stale = matches.isPlaceholderData || matches.isFetching || Boolean(matches.error)
  const show = (job: BulkRetry) =>
    navigate({ to: '/$kind/$owner/$webhook/retries/$job', params: { ...paramsOf(place), job: job.id } })
  const start = () => {
    if (!matches.data || stale) return
    // The server rejects a job of another size; then the new count is shown, and nothing was begun.
    const look = (fault: Error) => fault instanceof ApiError && fault.status === 409 && matches.refetch()
    begin.run(matches.data.matching, { onSuccess: show, onError: look })
  }
  return (
    <div className="grid gap-4">
      <Card title={title} id="which">
        <div className="grid gap-3 p-4 pt-1">
          <p className="max-w-prose text-muted">{what}</p>
          <div className="grid grid-cols-2 gap-2 sm:flex sm:flex-wrap">{fields}</div>
          {more}
        </div>
      </Card>
      {matches.error ? <Fault of={matches.error} retry={() => matches.refetch()} /> : null}
      {open && <OneIsOpen place={place} job={open} />}
      <section className="card" aria-live="polite" aria-busy={matches.isFetching}>
        {!matches.data ? (
          matches.error ? null : (
            <Loading label={t('bulk.counting')} />
          )
        ) : matches.data.matching === 0 ? (
          <Empty title={none.title}>{none.next}</Empty>
        ) : (
          <>
            <div className="flex flex-wrap items-center justify-between gap-3 px-4 py-3">
              <div>
                <p className="font-semibold text-lg">{counted}</p>
                <p className="text-muted text-sm">{t('bulk.sample', { count: matches.data.sample.length })}</p>
              </div>
              <Button
                look="primary"
                icon={action.icon}
                busy={begin.isPending}
                disabled={open !== undefined || stale}
                onClick={start}
              >
                {action.words}
              </Button>
            </div>
            {begin.error ? (
              <div className="px-4 pb-3">
                <Fault of={begin.error} />
              </div>
            ) : null}
            {children(matches.data.sample)}
          </>
        )}
      </section>
    </div>
  )
}

function OneIsOpen({ place, job }: { place: Place; job: BulkRetry }) {
  const { t } = useTranslation()
  return (
    <Notice
      tone="warn"
      title={t('bulk.open')}
      action={
        <Link
          to="/$kind/$owner/$webhook/retries/$job"
          params={{ ...paramsOf(place), job: job.id }}
          className={buttonLook('plain', true)}
        >
          {t('bulk.see')}
        </Link>
      }
    >
      {t('bulk.open.what')}
    </Notice>
  )
}
