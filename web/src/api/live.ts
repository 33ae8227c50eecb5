import { type QueryClient, useQueryClient } from '@tanstack/react-query'
import { useCallback, useEffect, useRef, useState } from 'react'
import { isCut, longest, merge, remember } from './arrivals'
import { pageKey } from './deliveries'
import type { Delivery, LogPage } from './delivery'
import { ApiError, failureOf } from './failure'
import type { Filters } from './filters'
import { type Place, placePath } from './owned'

/** How long entries are gathered before the page is drawn again, in ms: longer when so many come that nobody can read them. */
const gathering = (last: number) => (last < 50 ? 250 : 1_000)
/** The least time between two readings of the list, in ms. */
const pace = 1_000

export type LiveState = 'off' | 'connecting' | 'open' | 'lost'

export interface Live {
  state: LiveState
  /** Why the server does not stream. */
  failure: unknown
  /** Connect again after a failure. */
  reconnect: () => void
  paused: boolean
  /** How many deliveries were created while it was paused. */
  waiting: number
  setPaused: (paused: boolean) => void
}

/** What has come and is not on the page yet: the newest entries, and how many there were. */
class Backlog {
  private readonly entries = new Map<string, Delivery>()
  private newest = ''
  created = 0
  /** More has come than is kept, or than the server told. */
  incomplete = false

  add(log: Delivery) {
    this.entries.delete(log.id)
    this.entries.set(log.id, log)
    // Ids of version 7 grow with time: an entry that changes is not counted again.
    if (log.id > this.newest) {
      this.newest = log.id
      this.created++
    }
    if (this.entries.size <= longest) return
    const oldest = this.entries.keys().next().value
    if (oldest !== undefined) this.entries.delete(oldest)
    this.incomplete = true
  }

  take(): { logs: Delivery[]; incomplete: boolean } {
    const taken = { logs: [...this.entries.values()], incomplete: this.incomplete }
    this.entries.clear()
    this.created = 0
    this.incomplete = false
    return taken
  }
}

/** Keeps the first page of the log that these filters show up to date by the server's stream. Pausing holds back what comes. */
export function useLive(place: Place, filters: Filters, enabled: boolean): Live {
  const client = useQueryClient()
  const [state, setState] = useState<LiveState>('off')
  const [failure, setFailure] = useState<unknown>()
  const [tries, setTries] = useState(0)
  const [paused, setPaused] = useState(false)
  const [waiting, setWaiting] = useState(0)
  const key = JSON.stringify(pageKey(place, filters))
  const tail = useRef({ backlog: new Backlog(), paused: false, drawn: 0 })
  const reread = useReread(client, key)

  const draw = useCallback(() => {
    const now = tail.current
    if (now.paused) return setWaiting(now.backlog.created)
    const { logs, incomplete } = now.backlog.take()
    now.drawn = logs.length
    setWaiting(0)
    if (logs.length > 0) {
      const wanted = JSON.parse(key) as ReturnType<typeof pageKey>
      const page = client.setQueryData<LogPage>(wanted, (old) => old && merge(old, logs, wanted[5]))
      // Where the next page begins is known only for what was read from the list.
      if (page && isCut(page)) reread()
    }
    if (incomplete) reread()
  }, [client, key, reread])

  // biome-ignore lint/correctness/useExhaustiveDependencies: place and filters are what the key says; a try begins anew
  useEffect(() => {
    if (!enabled) {
      setState('off')
      return
    }
    const { backlog } = tail.current
    let soon: ReturnType<typeof setTimeout> | undefined
    const drawSoon = () => {
      soon ??= setTimeout(() => {
        soon = undefined
        draw()
      }, gathering(tail.current.drawn))
    }
    setFailure(undefined)
    const stop = follow(streamURL(place, filters), {
      state: setState,
      reset: () => {
        backlog.incomplete = true
        drawSoon()
      },
      log: (log) => {
        backlog.add(log)
        if (!tail.current.paused) remember(key, log, Date.now())
        drawSoon()
      },
      refused: (url) => ask(client, url).then((found) => setFailure(found)),
    })
    return () => {
      stop()
      clearTimeout(soon)
      backlog.take()
      setWaiting(0)
    }
  }, [client, key, enabled, draw, tries])

  return {
    state,
    failure,
    reconnect: () => setTries((count) => count + 1),
    paused,
    waiting,
    setPaused: (pause) => {
      tail.current.paused = pause
      setPaused(pause)
      draw()
    },
  }
}

/** Read the list again, soon, and not more often than the pace allows. */
function useReread(client: QueryClient, key: string): () => void {
  const last = useRef(0)
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined)
  // biome-ignore lint/correctness/useExhaustiveDependencies: another list has nothing to do with what was due of this one
  useEffect(() => () => clearTimeout(timer.current), [key])
  return useCallback(() => {
    clearTimeout(timer.current)
    const read = () => {
      last.current = Date.now()
      readAgain(client, JSON.parse(key))
    }
    const wait = last.current + pace - Date.now()
    if (wait <= 0) read()
    else timer.current = setTimeout(read, wait)
  }, [client, key])
}

// A first reading that is under way is not begun anew but joined, though it may be of before the stream's beginning: then
// it takes a second one.
async function readAgain(client: QueryClient, queryKey: readonly unknown[]) {
  const first = client.getQueryData(queryKey) === undefined
  await client.invalidateQueries({ queryKey }, { cancelRefetch: false })
  if (first) await client.invalidateQueries({ queryKey })
}

/**
 * Find out why there is no stream: the browser does not tell a page how its EventSource was answered. As a query, so that the
 * end of the session is noticed as with any other call.
 */
async function ask(client: QueryClient, url: string): Promise<unknown> {
  try {
    await client.fetchQuery({
      queryKey: ['stream', url],
      retry: false,
      staleTime: 0,
      gcTime: 0,
      queryFn: async () => {
        const response = await fetch(url, { headers: { Accept: 'text/event-stream' } }).catch((thrown) => {
          throw failureOf(thrown)
        })
        if (!response.ok)
          throw new ApiError(response.status, await response.json().catch(() => undefined), response.headers)
        await response.body?.cancel()
        return null
      },
    })
    // It streams again.
    return new ApiError(0, undefined)
  } catch (failure) {
    return failure
  }
}

function streamURL(place: Place, filters: Filters): string {
  const params = new URLSearchParams()
  for (const name of ['status', 'event', 'http_status'] as const) {
    const value = filters[name]
    if (value) params.set(name, value)
  }
  return `${placePath(place)}/logs/stream?${params}`
}

interface Listener {
  state: (state: LiveState) => void
  log: (log: Delivery) => void
  reset: () => void
  /** The server answered with something other than a stream, and the browser has given up. */
  refused: (url: string) => void
}

// A browser opens few connections to one server, and a stream holds one: a page that nobody looks at gives it back.
function follow(url: string, listener: Listener): () => void {
  let source: EventSource | undefined
  const close = () => {
    source?.close()
    source = undefined
  }
  const open = () => {
    if (source) return
    listener.state('connecting')
    source = new EventSource(url)
    // The server's own first event, not the browser's notice of the same name that the connection stands.
    source.addEventListener('open', (event) => {
      if (!(event instanceof MessageEvent)) return
      listener.state('open')
      // Between the list's reading and the stream's beginning something may have happened.
      listener.reset()
    })
    source.addEventListener('log', (event) => {
      const log = parse(event.data)
      if (log) listener.log(log)
      else listener.reset()
    })
    source.addEventListener('reset', listener.reset)
    source.addEventListener('error', () => {
      listener.state('lost')
      // The browser reconnects by itself, unless the answer was no stream at all.
      if (source?.readyState !== EventSource.CLOSED) return
      close()
      listener.refused(url)
    })
  }
  const look = () => {
    if (document.visibilityState === 'visible') open()
    else {
      close()
      listener.state('off')
    }
  }
  document.addEventListener('visibilitychange', look)
  look()
  return () => {
    document.removeEventListener('visibilitychange', look)
    close()
  }
}

/** An entry as it came, or nothing when it is none: the list has it then. */
function parse(data: string): Delivery | undefined {
  try {
    const log = JSON.parse(data)
    return typeof log?.id === 'string' ? log : undefined
  } catch {
    return undefined
  }
}
