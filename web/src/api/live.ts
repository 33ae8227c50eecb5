import { type QueryClient, useQueryClient } from '@tanstack/react-query'
import { useCallback, useEffect, useRef, useState } from 'react'
import { merge, remember } from './arrivals'
import { type Delivery, type LogPage, pageKey } from './deliveries'
import type { Filters } from './filters'
import { type Place, placePath } from './owned'

/** How many rows a page that is followed grows to. */
const longest = 200
/** How long entries are gathered before the page is drawn again, in ms. */
const breath = 150

export type LiveState = 'off' | 'connecting' | 'open' | 'lost'

export interface Live {
  state: LiveState
  paused: boolean
  /** How many entries came or changed while it was paused. */
  waiting: number
  setPaused: (paused: boolean) => void
}

/** Keeps the page of the log that these filters show up to date by the server's stream. Pausing holds what comes back. */
export function useLive(place: Place, filters: Filters, enabled: boolean): Live {
  const client = useQueryClient()
  const [state, setState] = useState<LiveState>('off')
  const [paused, setPaused] = useState(false)
  const [waiting, setWaiting] = useState(0)
  const key = JSON.stringify(pageKey(place, filters))
  const tail = useRef({ held: new Map<string, Delivery>(), paused: false, missed: false })

  const release = useCallback(() => {
    const { held, missed } = tail.current
    const wanted = JSON.parse(key) as ReturnType<typeof pageKey>
    const page = client.setQueryData<LogPage>(wanted, (old) => old && merge(old, [...held.values()], wanted[5]))
    // A page that has grown long begins anew, so that what comes after it is where its cursor says.
    if (missed || (page && page.data.length > longest)) client.invalidateQueries({ queryKey: wanted })
    held.clear()
    tail.current.missed = false
    setWaiting(0)
  }, [client, key])

  // biome-ignore lint/correctness/useExhaustiveDependencies: place and filters are what the key says
  useEffect(() => {
    if (!enabled) {
      setState('off')
      return
    }
    const wanted = JSON.parse(key) as ReturnType<typeof pageKey>
    const now = tail.current
    let soon: ReturnType<typeof setTimeout> | undefined
    const stop = follow(streamURL(place, filters), {
      state: setState,
      reset: () => {
        if (now.paused) now.missed = true
        else readAgain(client, wanted)
      },
      log: (log) => {
        now.held.set(log.id, log)
        if (now.paused) return setWaiting(now.held.size)
        remember(key, log, Date.now())
        soon ??= setTimeout(() => {
          soon = undefined
          if (!now.paused) release()
        }, breath)
      },
    })
    return () => {
      stop()
      clearTimeout(soon)
      now.held.clear()
      setWaiting(0)
    }
  }, [client, key, enabled, release])

  return {
    state,
    paused,
    waiting,
    setPaused: (pause) => {
      tail.current.paused = pause
      setPaused(pause)
      if (!pause) release()
    },
  }
}

// A first reading that is under way is not begun anew but joined, though it may be of before the stream's beginning: then
// it takes a second one.
async function readAgain(client: QueryClient, queryKey: readonly unknown[]) {
  const first = client.getQueryData(queryKey) === undefined
  await client.invalidateQueries({ queryKey })
  if (first) await client.invalidateQueries({ queryKey })
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
}

// A browser opens few connections to one server, and a stream holds one: a page that nobody looks at gives it back.
function follow(url: string, listener: Listener): () => void {
  let source: EventSource | undefined
  let again: ReturnType<typeof setTimeout> | undefined
  const close = () => {
    clearTimeout(again)
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
    source.addEventListener('log', (event) => listener.log(JSON.parse(event.data)))
    source.addEventListener('reset', listener.reset)
    source.addEventListener('error', () => {
      listener.state('lost')
      // The browser reconnects by itself, unless the answer was no stream at all (too many of them, or signed out).
      if (source?.readyState !== EventSource.CLOSED) return
      close()
      again = setTimeout(open, 5_000)
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
