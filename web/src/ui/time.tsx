import { useSyncExternalStore } from 'react'
import { useTranslation } from '../i18n'

// One clock for all: every relative time on a page moves at once, and no page pays for more than one timer.
let now = Date.now()
const readers = new Set<() => void>()
let timer: ReturnType<typeof setInterval> | undefined

function subscribe(reader: () => void) {
  readers.add(reader)
  now = Date.now()
  timer ??= setInterval(() => {
    now = Date.now()
    for (const tell of readers) tell()
  }, 1000)
  return () => {
    readers.delete(reader)
    if (readers.size === 0) {
      clearInterval(timer)
      timer = undefined
    }
  }
}

/** The time, by the second. */
export function useNow(): number {
  return useSyncExternalStore(subscribe, () => now)
}

/** How long ago, or how far ahead; the whole date on pointing at it. */
export function Ago({ at }: { at: string }) {
  const { relative, moment } = useTranslation()
  return (
    <time dateTime={at} title={moment(at)} className="whitespace-nowrap">
      {relative(at, useNow())}
    </time>
  )
}

/** The time of day, with the day where it is not today. */
export function Clock({ at }: { at: string }) {
  const { clock, moment } = useTranslation()
  return (
    <time dateTime={at} title={moment(at)} className="whitespace-nowrap">
      {clock(at)}
    </time>
  )
}
