import { MutationCache, QueryCache, QueryClient } from '@tanstack/react-query'
import { repeats } from './failure'
import { noticeRefusal } from './session'

/** What is known of one environment. Each has a client of its own, so that nothing of one is shown in another. */
export function createQueryClient(): QueryClient {
  // Whichever call comes next notices that the session has ended, or is one of another environment.
  return new QueryClient({
    queryCache: new QueryCache({ onError: noticeRefusal }),
    mutationCache: new MutationCache({ onError: noticeRefusal }),
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
}
