import { MutationCache, QueryCache, QueryClient } from '@tanstack/react-query'
import { ApiError } from './client'
import { sessionKey } from './session'

/** The faults that pass by themselves: no network, too many requests, a store or a server that is away. */
export function passes(fault: unknown): boolean {
  return fault instanceof ApiError && (fault.status === 0 || fault.status === 429 || fault.status >= 500)
}

export function createQueryClient(): QueryClient {
  // A session that ended is noticed by whichever call comes next; the sign-in form then stands where the page was.
  const noticeSignOut = (fault: unknown) => {
    if (fault instanceof ApiError && fault.status === 401) client.setQueryData(sessionKey, null)
  }
  const client: QueryClient = new QueryClient({
    queryCache: new QueryCache({ onError: noticeSignOut }),
    mutationCache: new MutationCache({ onError: noticeSignOut }),
    defaultOptions: {
      queries: {
        staleTime: 5_000,
        networkMode: 'always',
        retry: (failures, fault) => failures < 2 && passes(fault),
        retryDelay: (failures, fault) =>
          fault instanceof ApiError && fault.retryAfter ? Math.min(fault.retryAfter, 10) * 1000 : 500 * 2 ** failures,
      },
      mutations: { networkMode: 'always' },
    },
  })
  return client
}
