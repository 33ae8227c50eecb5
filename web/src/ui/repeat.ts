import { useEffect, useRef, useState } from 'react'
import { type ApiError, passes } from '../api/failure'
import { useNow } from './time'

/** Seconds until a failed read is repeated where the server does not say: often at first, then every half minute. */
const waits = [5, 10, 20, 30] as const

/** Seconds to wait after the failure before `retry` makes sense, or undefined when waiting does not help. */
function waitAfter(failure: unknown, failures: number): number | undefined {
  if (!passes(failure)) return undefined
  return (failure as ApiError).retryAfter ?? waits[Math.min(failures, waits.length - 1)] ?? 30
}

/**
 * Repeat a failed read once its time has come, as long as the failure is on the screen. Returns the seconds left, and
 * undefined when the read is not repeated.
 */
export function useRepeat(failure: unknown, retry: (() => void) | undefined): number | undefined {
  const [failures, setFailures] = useState(0)
  const [until, setUntil] = useState<number>()
  const latest = useRef(retry)
  latest.current = retry
  const repeats = retry !== undefined
  const now = useNow()
  // A repeat that fails gives a new failure.
  // biome-ignore lint/correctness/useExhaustiveDependencies: the count alone is no reason to wait anew
  useEffect(() => {
    const wait = waitAfter(failure, failures)
    if (wait === undefined) return setUntil(undefined)
    setUntil(Date.now() + wait * 1000)
    if (!repeats) return
    const timer = setTimeout(() => {
      setFailures((count) => count + 1)
      latest.current?.()
    }, wait * 1000)
    return () => clearTimeout(timer)
  }, [failure, repeats])
  return until === undefined ? undefined : Math.max(Math.ceil((until - now) / 1000), 0)
}
