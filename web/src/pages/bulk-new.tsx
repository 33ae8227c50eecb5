import { getRouteApi, Link, useNavigate } from '@tanstack/react-router'
import { useMemo } from 'react'
import { bulkInput, isOpen, useBeginBulk, useBulkRetries, useMatches } from '../api/bulk'
import type { Place } from '../api/deliveries'
import { type Filters, readFilters } from '../api/filters'
import { useTranslation } from '../i18n'
import { Button, buttonLook } from '../ui/button'
import { Fault, Notice } from '../ui/notice'
import { Card, Empty, Loading } from '../ui/page'
import { DeliveryTable } from './delivery-table'
import { EventSelect, HttpSelect, TimeSelect } from './filter-bar'

const route = getRouteApi('/$kind/$owner/$webhook/retries/new')

/** Choose by filter, see how many and which, confirm. */
export function BulkNewPage() {
  const { t } = useTranslation()
  const { kind, owner, webhook } = route.useParams()
  const params = { kind, owner, webhook }
  const place: Place = { owner: { kind, id: owner }, webhook }
  const filters = route.useSearch()
  const navigate = useNavigate()
  // A span ends when it was chosen: what is counted here is what will be retried.
  const input = useMemo(() => bulkInput(filters, Date.now()), [filters])
  const matches = useMatches(place, input)
  const jobs = useBulkRetries(place, 1)
  const begin = useBeginBulk(place)
  const open = jobs.data?.data.find(isOpen)
  const set = (change: Partial<Record<keyof Filters, string>>) =>
    navigate({
      to: '/$kind/$owner/$webhook/retries/new',
      params,
      search: readFilters({ ...filters, ...change }),
      replace: true,
    })
  const count = matches.data?.matching ?? 0
  return (
    <div className="grid gap-4">
      <Card title={t('bulk.which')} id="which">
        <div className="grid gap-3 p-4 pt-1">
          <p className="max-w-prose text-muted">{t('bulk.what')}</p>
          <div className="grid grid-cols-2 gap-2 sm:flex sm:flex-wrap">
            <TimeSelect filters={filters} onChange={set} />
            <EventSelect place={place} value={filters.event} onChange={(event) => set({ event })} />
            <HttpSelect value={filters.http_status} onChange={(http_status) => set({ http_status })} />
          </div>
        </div>
      </Card>
      {matches.error && <Fault of={matches.error} retry={() => matches.refetch()} />}
      {open && (
        <Notice
          tone="warn"
          title={t('bulk.open')}
          action={
            <Link
              to="/$kind/$owner/$webhook/retries/$job"
              params={{ ...params, job: open.id }}
              className={buttonLook('plain', true)}
            >
              {t('bulk.see')}
            </Link>
          }
        >
          {t('bulk.open.what')}
        </Notice>
      )}
      <section className="card" aria-live="polite" aria-busy={matches.isFetching}>
        {!matches.data ? (
          matches.error ? null : (
            <Loading label={t('bulk.counting')} />
          )
        ) : count === 0 ? (
          <Empty title={t('bulk.none')}>{t('bulk.none.next')}</Empty>
        ) : (
          <>
            <div className="flex flex-wrap items-center justify-between gap-3 px-4 py-3">
              <div>
                <p className="font-semibold text-lg">{t('bulk.count', { count })}</p>
                <p className="text-muted text-sm">{t('bulk.sample', { count: matches.data.sample.length })}</p>
              </div>
              <Button
                look="primary"
                icon="again"
                busy={begin.isPending}
                disabled={open !== undefined}
                onClick={() =>
                  begin.mutate(input, {
                    onSuccess: (job) =>
                      navigate({ to: '/$kind/$owner/$webhook/retries/$job', params: { ...params, job: job.id } }),
                  })
                }
              >
                {t('bulk.begin', { count })}
              </Button>
            </div>
            {begin.error && (
              <div className="px-4 pb-3">
                <Fault of={begin.error} />
              </div>
            )}
            <DeliveryTable place={place} logs={matches.data.sample} stale={matches.isPlaceholderData} />
          </>
        )}
      </section>
    </div>
  )
}
