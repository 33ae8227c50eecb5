import { MutationCache, QueryCache, QueryClient } from '@tanstack/react-query'
import { ApiError, repeats } from './failure'
import { sessionKey } from './session'

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
        retry: repeats,
        retryDelay: (failures) => 500 * 2 ** failures,
      },
      mutations: { networkMode: 'always' },
    },
  })
  return client
}
