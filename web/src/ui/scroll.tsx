import type { ReactNode } from 'react'

/** A part of the page that scrolls within itself: named, and within reach of the keyboard. */
export function Scroll({ label, className, children }: { label: string; className: string; children: ReactNode }) {
  return (
    <section
      aria-label={label}
      // biome-ignore lint/a11y/noNoninteractiveTabindex: without it the arrow keys cannot scroll it
      tabIndex={0}
      className={`overflow-auto ${className}`}
    >
      {children}
    </section>
  )
}
