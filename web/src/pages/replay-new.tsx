import { getRouteApi, Link, useNavigate } from '@tanstack/react-router'
import { useMemo } from 'react'
import { isOpen, useBulkRetries } from '../api/bulk'
import type { Place } from '../api/deliveries'
import { type ReplayFilters, readReplayFilters, replayInput, useReplay, useReplayMatches } from '../api/events'
import { useTranslation } from '../i18n'
import { Button, buttonLook } from '../ui/button'
import { CheckField } from '../ui/field'
import { Fault, Notice } from '../ui/notice'
import { Card, Empty, Loading } from '../ui/page'
import { EventTable } from './event-table'
import { EventSelect, TimeSelect } from './filter-bar'

const route = getRouteApi('/$kind/$owner/$webhook/retries/replay')

/** Choose events by filter, see how many and which, send them to the webhook. */
export function ReplayNewPage() {
  const { t } = useTranslation()
  const { kind, owner, webhook } = route.useParams()
  const params = { kind, owner, webhook }
  const place: Place = { owner: { kind, id: owner }, webhook }
  const filters = route.useSearch()
  const navigate = useNavigate()
  // A span ends when it was chosen: what is counted here is what will be sent.
  const input = useMemo(() => replayInput(filters, Date.now()), [filters])
  const matches = useReplayMatches(place, input)
  const jobs = useBulkRetries(place, 1)
  const begin = useReplay()
  const open = jobs.data?.data.find(isOpen)
  const set = (change: Partial<Record<keyof ReplayFilters, string | boolean>>) =>
    navigate({
      to: '/$kind/$owner/$webhook/retries/replay',
      params,
      search: readReplayFilters({ ...filters, ...change }),
      replace: true,
    })
  const count = matches.data?.matching ?? 0
  return (
    <div className="grid gap-4">
      <Card title={t('replay.which')} id="which">
        <div className="grid gap-3 p-4 pt-1">
          <p className="max-w-prose text-muted">{t('replay.what')}</p>
          <div className="grid grid-cols-2 gap-2 sm:flex sm:flex-wrap">
            <TimeSelect filters={filters} onChange={set} />
            <EventSelect
              place={place}
              value={filters.event}
              any={t('replay.event.any')}
              noTests
              onChange={(event) => set({ event })}
            />
          </div>
          <CheckField
            label={t('replay.all')}
            hint={t('replay.all.hint')}
            checked={filters.all === true}
            onChange={({ target }) => set({ all: target.checked })}
          />
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
          <Empty title={t('replay.none')}>{t('replay.none.next')}</Empty>
        ) : (
          <>
            <div className="flex flex-wrap items-center justify-between gap-3 px-4 py-3">
              <div>
                <p className="font-semibold text-lg">
                  {t('replay.count', { count })}
                  {matches.data.matching_is_lower_bound && ` ${t('deliveries.more')}`}
                </p>
                <p className="text-muted text-sm">{t('bulk.sample', { count: matches.data.sample.length })}</p>
              </div>
              <Button
                look="primary"
                icon="envelope"
                busy={begin.isPending}
                disabled={open !== undefined}
                onClick={() =>
                  begin.mutate(
                    { place, input },
                    {
                      onSuccess: (job) =>
                        navigate({ to: '/$kind/$owner/$webhook/retries/$job', params: { ...params, job: job.id } }),
                    },
                  )
                }
              >
                {t('replay.begin', { count })}
              </Button>
            </div>
            {begin.error && (
              <div className="px-4 pb-3">
                <Fault of={begin.error} />
              </div>
            )}
            <EventTable events={matches.data.sample} stale={matches.isPlaceholderData} />
          </>
        )}
      </section>
    </div>
  )
}
