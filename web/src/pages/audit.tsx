import { getRouteApi, useNavigate } from '@tanstack/react-router'
import { useCallback } from 'react'
import { type AuditFilters, actions, actors, readAuditFilters, subjects, useAudit } from '../api/audit'
import { useTranslation } from '../i18n'
import { Button } from '../ui/button'
import { Icon } from '../ui/icon'
import { Fault } from '../ui/notice'
import { Empty, Heading, Loading } from '../ui/page'
import { AuditList } from './audit-list'
import { Select, TimeSelect } from './filter-bar'

const route = getRouteApi('/audit')

/** Who changed what, newest first. */
export function AuditPage() {
  const { t } = useTranslation()
  const filters = route.useSearch()
  const navigate = useNavigate()
  const page = useAudit(filters)
  const go = useCallback((search: AuditFilters) => navigate({ to: '/audit', search }), [navigate])
  return (
    <>
      <Heading title={t('nav.audit')} below={t('audit.what')} />
      <Bar filters={filters} onChange={go} />
      <div className="card">
        {page.error ? (
          <div className="p-4">
            <Fault of={page.error} retry={() => page.refetch()} />
          </div>
        ) : !page.data ? (
          <Loading label={t('loading')} rows={8} row="h-7" />
        ) : page.data.data.length === 0 ? (
          <None filters={filters} onClear={() => go({})} />
        ) : (
          <AuditList entries={page.data.data} stale={page.isPlaceholderData} />
        )}
        <Older next={page.data?.pagination.next_cursor} filters={filters} onGo={go} />
      </div>
    </>
  )
}

function Bar({ filters, onChange }: { filters: AuditFilters; onChange: (filters: AuditFilters) => void }) {
  const { t } = useTranslation()
  const set = (change: Record<string, string | undefined>) =>
    onChange(readAuditFilters({ ...filters, cursor: undefined, ...change }))
  const { cursor: _, ...others } = filters
  return (
    <search className="mb-3 grid grid-cols-2 gap-2 sm:flex sm:flex-wrap">
      <Select
        label={t('audit.action')}
        value={filters.action ?? ''}
        onChange={(action) => set({ action })}
        options={[
          ['', t('audit.action.any')],
          ...actions.map((action): [string, string] => [action, t(`audit.${action}`)]),
        ]}
      />
      <Select
        label={t('audit.actor')}
        value={filters.actor ?? ''}
        onChange={(actor) => set({ actor })}
        options={[
          ['', t('audit.actor.any')],
          ...actors.map((actor): [string, string] => [actor, t(`audit.actor.${actor}`)]),
        ]}
      />
      <Select
        label={t('audit.subject')}
        value={filters.subject ?? ''}
        onChange={(subject) => set({ subject })}
        options={[
          ['', t('audit.subject.any')],
          ...subjects.map((subject): [string, string] => [subject, t(`audit.subject.${subject}`)]),
        ]}
      />
      <TimeSelect filters={filters} onChange={set} />
      {Object.keys(others).length > 0 && (
        <Button look="quiet" className="max-sm:col-span-2" onClick={() => onChange({})}>
          {t('filters.clear')}
        </Button>
      )}
      {filters.subject_id && (
        <p className="wrap-anywhere col-span-2 basis-full text-muted text-xs">
          {t('audit.of')} <span className="font-mono">{filters.subject_id}</span>
        </p>
      )}
    </search>
  )
}

function None({ filters, onClear }: { filters: AuditFilters; onClear: () => void }) {
  const { t } = useTranslation()
  if (Object.keys(filters).length === 0) return <Empty title={t('audit.none')} />
  return (
    <Empty title={t('audit.none.filtered')} action={<Button onClick={onClear}>{t('filters.clear')}</Button>}>
      {t('deliveries.none.filtered.next')}
    </Empty>
  )
}

function Older({
  next,
  filters,
  onGo,
}: {
  next: string | undefined
  filters: AuditFilters
  onGo: (filters: AuditFilters) => void
}) {
  const { t } = useTranslation()
  if (!next && !filters.cursor) return null
  const { cursor: _, ...newest } = filters
  return (
    <nav aria-label={t('pages')} className="flex items-center justify-between gap-2 border-line border-t px-4 py-2.5">
      <Button small disabled={!filters.cursor} onClick={() => onGo(newest)}>
        {t('pages.newest')}
      </Button>
      <Button small disabled={!next} onClick={() => next && onGo({ ...filters, cursor: next })}>
        {t('pages.older')}
        <Icon name="right" />
      </Button>
    </nav>
  )
}
