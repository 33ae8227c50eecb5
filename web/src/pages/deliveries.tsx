import { getRouteApi, Link, useNavigate } from '@tanstack/react-router'
import { useCallback, useRef, useState } from 'react'
import { ApiError } from '../api/client'
import { useDeliveries } from '../api/deliveries'
import type { Delivery, LogPage } from '../api/delivery'
import { canFollow, type Filters, readFilters } from '../api/filters'
import { type Live, useLive } from '../api/live'
import { useTranslation } from '../i18n'
import { useMay } from '../scope'
import { Announce } from '../ui/announce'
import { Button, buttonLook } from '../ui/button'
import { Icon } from '../ui/icon'
import { Fault } from '../ui/notice'
import { Empty } from '../ui/page'
import { useSearchKey } from '../ui/search'
import { useShortcuts } from '../ui/shortcuts'
import { CursorList } from './cursor-list'
import { DeliveryTable } from './delivery-table'
import { FilterBar } from './filter-bar'
import { paramsOf, placeOf } from './place'
import { RetryDialog } from './retry-dialog'

const route = getRouteApi('/$kind/$owner/$webhook/')

/** The log of one webhook, followed as it grows. */
export function DeliveriesPage() {
  const { t } = useTranslation()
  const { kind, owner, webhook } = route.useParams()
  const place = placeOf({ kind, owner, webhook })
  const filters = route.useSearch({ select: readFilters, structuralSharing: true })
  const navigate = useNavigate()
  const follows = canFollow(filters)
  const page = useDeliveries(place, filters, follows)
  const missing = page.error instanceof ApiError && page.error.status === 404
  const live = useLive(place, filters, follows && !missing)
  const search = useSearchKey()
  const table = useRef<HTMLTableSectionElement>(null)
  const [retrying, setRetrying] = useState<Delivery>()
  const [focused, setFocused] = useState<Delivery>()
  const go = useCallback(
    (to: Filters) => navigate({ to: '/$kind/$owner/$webhook', params: { kind, owner, webhook }, search: to }),
    [navigate, kind, owner, webhook],
  )
  const may = useMay('retry')
  const retry = useCallback(
    (log: Delivery | undefined) => {
      if (may && log?.status === 'failed') setRetrying(log)
    },
    [may],
  )
  // The dialog takes the focus for a while; it goes back to the row.
  const asking = retrying !== undefined
  const focus = useCallback((log: Delivery | undefined) => (log || !asking) && setFocused(log), [asking])
  useShortcuts({
    j: () => step(table.current, 1),
    k: () => step(table.current, -1),
    r: () => retry(withFocused(page.data?.data ?? [], focused).find(({ id }) => id === focusedRow(table.current))),
  })
  return (
    <>
      <div className="mb-3 flex flex-wrap items-start gap-2">
        <FilterBar place={place} filters={filters} onChange={go} searchRef={search} />
        {may && (
          <Link
            to="/$kind/$owner/$webhook/retries/new"
            params={paramsOf(place)}
            search={forBulk(filters)}
            className={buttonLook('plain')}
          >
            <Icon name="again" />
            {t('bulk.new')}
          </Link>
        )}
      </div>
      <div className="card">
        {!missing && <LogHeader page={page.data} live={live} follows={follows} />}
        {Boolean(live.failure) && !missing && (
          <div className="px-4 pb-3">
            <Fault of={live.failure} retry={live.reconnect} />
          </div>
        )}
        <CursorList
          of={page}
          filters={filters}
          onGo={go}
          none={<Empty title={t('deliveries.none')}>{t('deliveries.none.next')}</Empty>}
          noneMeets={t('deliveries.none.filtered')}
        >
          {(logs) => (
            <DeliveryTable
              ref={table}
              place={place}
              logs={withFocused(logs, focused)}
              onFocus={focus}
              {...(may && { onRetry: retry })}
              stale={page.isPlaceholderData}
            />
          )}
        </CursorList>
      </div>
      {retrying && (
        <RetryDialog
          place={place}
          log={retrying}
          onClose={() => setRetrying(undefined)}
          onRetried={() => setRetrying(undefined)}
        />
      )}
    </>
  )
}

/** The row that has the focus stays, also when newer ones have pushed it off the page: whoever reads it is not thrown out. */
const withFocused = (logs: Delivery[], focused: Delivery | undefined) =>
  !focused || logs.some(({ id }) => id === focused.id) ? logs : [...logs, focused]

const forBulk = ({ status: _, search: __, cursor: ___, ...filters }: Filters): Filters => filters

const rowLinks = (table: HTMLElement | null) => [...(table?.querySelectorAll<HTMLAnchorElement>('a[data-log]') ?? [])]

const focusedRow = (table: HTMLElement | null) =>
  table?.contains(document.activeElement) ? document.activeElement?.closest('tr')?.dataset.log : undefined

// The rows' links carry the focus itself, so that Enter opens and a screen reader reads where j and k have led.
function step(table: HTMLElement | null, by: 1 | -1) {
  const links = rowLinks(table)
  const at = links.findIndex((link) => link.dataset.log === focusedRow(table))
  const next = at < 0 ? 0 : Math.min(Math.max(at + by, 0), links.length - 1)
  links[next]?.focus()
  links[next]?.scrollIntoView({ block: 'nearest' })
}

function LogHeader({ page, live, follows }: { page: LogPage | undefined; live: Live; follows: boolean }) {
  const { t } = useTranslation()
  const total = page && t('deliveries.total', { count: page.pagination.total })
  return (
    <div className="flex min-h-12 items-center justify-between gap-3 px-4 py-2">
      <p className="text-muted text-sm">
        {total}
        {page?.pagination.total_is_lower_bound && ` ${t('deliveries.more')}`}
      </p>
      {!follows ? (
        <p className="text-muted text-sm">{t('live.not')}</p>
      ) : (
        <Button
          small
          icon={live.paused ? 'play' : 'pause'}
          aria-pressed={live.paused}
          onClick={() => live.setPaused(!live.paused)}
        >
          {live.paused ? (
            live.waiting > 0 ? (
              t('live.waiting', { count: live.waiting })
            ) : (
              t('live.paused')
            )
          ) : (
            <>
              <LiveDot state={live.state} />
              {t(
                live.failure
                  ? 'live.off'
                  : live.state === 'lost'
                    ? 'live.lost'
                    : live.state === 'open'
                      ? 'live'
                      : 'live.connecting',
              )}
            </>
          )}
        </Button>
      )}
      <Announce text={live.paused && live.waiting > 0 ? t('live.waiting', { count: live.waiting }) : (total ?? '')} />
    </div>
  )
}

function LiveDot({ state }: { state: Live['state'] }) {
  const look = state === 'open' ? 'bg-ok' : state === 'lost' ? 'bg-bad' : 'bg-wait'
  return <span className={`size-2 rounded-full ${look}`} />
}
