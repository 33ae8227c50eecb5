import { useEffect, useRef, useState } from 'react'

/** The least time between two announcements, in ms. A screen reader cannot keep up with more. */
const pace = 5_000

/** Reads a text out as it changes: the first change at once, then at most every few seconds, always the latest. */
export function Announce({ text }: { text: string }) {
  const [said, setSaid] = useState(text)
  const last = useRef(0)
  useEffect(() => {
    if (text === said) return
    const say = () => {
      last.current = Date.now()
      setSaid(text)
    }
    const wait = last.current + pace - Date.now()
    if (wait <= 0) return say()
    const timer = setTimeout(say, wait)
    return () => clearTimeout(timer)
  }, [text, said])
  return (
    <span className="sr-only" aria-live="polite">
      {said}
    </span>
  )
}
