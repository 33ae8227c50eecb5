import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { api, must, type Schemas } from './client'
import { type Filters, readFilters, times, wholeId } from './filters'

export type AuditEntry = Schemas['AuditEntry']
export type AuditAction = Schemas['AuditAction']
export type ActorType = Schemas['ActorType']
export type SubjectType = Schemas['SubjectType']

export const actors: ActorType[] = ['token', 'session', 'admin', 'cli', 'system']
export const subjects: SubjectType[] = ['environment', 'token', 'agent', 'campaign', 'webhook', 'log', 'bulk_retry']
export const actions: AuditAction[] = [
  'webhook.created',
  'webhook.updated',
  'webhook.enabled',
  'webhook.disabled',
  'webhook.deleted',
  'log.retried',
  'bulk_retry.begun',
  'replay.begun',
  'bulk_retry.paused',
  'bulk_retry.resumed',
  'bulk_retry.cancelled',
  'owner.created',
  'owner.updated',
  'owner.deleted',
  'session.begun',
  'token.created',
  'token.revoked',
  'token.rotated',
  'environment.created',
  'environment.renamed',
  'environment.rotated',
  'environment.deleted',
]

/** How the audit log is filtered; it stands so in the address bar. */
export interface AuditFilters extends Pick<Filters, 'since' | 'from' | 'to' | 'cursor'> {
  actor?: ActorType
  action?: AuditAction
  subject?: SubjectType
  /** The one thing whose history is shown. */
  subject_id?: string
}

export function readAuditFilters(search: Record<string, unknown>): AuditFilters {
  const { event: _, status: __, http_status: ___, search: ____, ...filters } = readFilters(search)
  const actor = actors.find((word) => word === search.actor)
  const action = actions.find((word) => word === search.action)
  const subject = subjects.find((word) => word === search.subject)
  const id = String(search.subject_id ?? '')
  return {
    ...(actor && { actor }),
    ...(action && { action }),
    ...(subject && { subject }),
    ...(wholeId.test(id) && { subject_id: id }),
    ...filters,
  }
}

export function useAudit(filters: AuditFilters) {
  return useQuery({
    queryKey: ['audit', filters],
    placeholderData: keepPreviousData,
    queryFn: ({ signal }) => {
      const { since, from, to, ...others } = filters
      const query = { ...others, ...times({ since, from, to }, Date.now()), per_page: 25 }
      return must(api.GET('/audit', { params: { query }, signal }))
    },
    refetchInterval: filters.cursor ? false : 10_000,
  })
}
