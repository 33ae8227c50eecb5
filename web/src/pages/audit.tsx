import { getRouteApi, useNavigate } from '@tanstack/react-router'
import { useCallback } from 'react'
import { type AuditFilters, actions, actors, readAuditFilters, subjects, useAudit } from '../api/audit'
import { useTranslation } from '../i18n'
import { Empty, Heading } from '../ui/page'
import { AuditList } from './audit-list'
import { CursorList } from './cursor-list'
import { ClearFilters, Select, TimeSelect } from './filters'

const route = getRouteApi('/audit')

/** Who changed what, newest first. */
export function AuditPage() {
  const { t } = useTranslation()
  const filters = route.useSearch({ select: readAuditFilters, structuralSharing: true })
  const navigate = useNavigate()
  const page = useAudit(filters)
  const go = useCallback((search: AuditFilters) => navigate({ to: '/audit', search }), [navigate])
  return (
    <>
      <Heading title={t('nav.audit')} below={t('audit.what')} />
      <Bar filters={filters} onChange={go} />
      <div className="card">
        <CursorList
          of={page}
          filters={filters}
          onGo={go}
          none={<Empty title={t('audit.none')} />}
          noneMeets={t('audit.none.filtered')}
        >
          {(entries) => <AuditList entries={entries} stale={page.isPlaceholderData} />}
        </CursorList>
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
        any={t('audit.action.any')}
        value={filters.action}
        onChange={(action) => set({ action })}
        options={actions.map((action) => [action, t(`audit.${action}`)])}
      />
      <Select
        label={t('audit.actor')}
        any={t('audit.actor.any')}
        value={filters.actor}
        onChange={(actor) => set({ actor })}
        options={actors.map((actor) => [actor, t(`audit.actor.${actor}`)])}
      />
      <Select
        label={t('audit.subject')}
        any={t('audit.subject.any')}
        value={filters.subject}
        onChange={(subject) => set({ subject })}
        options={subjects.map((subject) => [subject, t(`audit.subject.${subject}`)])}
      />
      <TimeSelect filters={filters} onChange={set} />
      {Object.keys(others).length > 0 && <ClearFilters onClear={() => onChange({})} />}
      {filters.subject_id && (
        <p className="wrap-anywhere col-span-2 basis-full text-muted text-xs">
          {t('audit.of')} <span className="font-mono">{filters.subject_id}</span>
        </p>
      )}
    </search>
  )
}
