import { ApiError } from '../api/failure'
import type { Translation } from '../i18n'

/** What to tell about a failed call. */
export interface FailureWords {
  tone: 'bad' | 'warn'
  title: string
  /** What it means and what to do, a sentence or two each. */
  next: string[]
  /** Facts for whoever looks into it: the server's own words, a request id. */
  detail: string[]
}

/**
 * Describe any failure in the reader's language. `reading` says that the call only asked for data, so that nothing can have
 * been changed by it.
 */
export function describeFailure(failure: unknown, reading: boolean, { t, server }: Translation): FailureWords {
  if (!(failure instanceof ApiError)) return words('bad', t('fault.page'), [t('fault.page.next')])
  const { kind, status, requestId, code } = failure
  if (kind === 'network')
    return words('warn', t('fault.network'), [t(reading ? 'fault.network.reading' : 'fault.network.next')])
  const request = requestId ? [t('fault.request', { id: requestId })] : []
  if (kind === 'malformed')
    return words('warn', t('fault.malformed', { status: String(status) }), [t('fault.malformed.next')], request)
  const said = server(failure.message)
  switch (status) {
    case 401:
      return words('warn', t('fault.session'), [t('fault.session.next')])
    case 403:
      return words('bad', said, [t('fault.forbidden.next')])
    case 404:
      return words('bad', t('fault.missing'), [t('fault.missing.next')], [said])
    case 409:
    case 412:
      return words('warn', t('fault.conflict'), [t('fault.conflict.next')], [said])
    case 413:
      return words('bad', t('fault.large'), [t('fault.large.next')], [said])
    case 422:
      return words('bad', said, [], Object.values(failure.errors).flat().map(server))
    case 429:
      return words('warn', t('fault.limit'), [said, t('fault.limit.next')])
    case 503:
      return code === 'SERVER_BUSY'
        ? words('warn', t('fault.busy'), [t('fault.busy.next')])
        : words('warn', t('fault.store'), [
            t(reading ? 'fault.store.reading' : 'fault.store.unknown'),
            t('fault.store.works'),
          ])
  }
  return status >= 500
    ? words('bad', t('fault.server'), [t('fault.server.next')], request)
    : words('bad', said, [], request)
}

const words = (tone: 'bad' | 'warn', title: string, next: string[], detail: string[] = []): FailureWords => ({
  tone,
  title,
  next,
  detail,
})
