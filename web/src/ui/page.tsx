import { type ReactNode, useEffect, useRef } from 'react'
import { Icon } from './icon'

/** A page's heading. It names the document and takes the focus when the page opens, so that a reader hears where it is. */
export function Heading({
  title,
  above,
  below,
  actions,
}: {
  title: string
  above?: ReactNode
  below?: ReactNode
  actions?: ReactNode
}) {
  const ref = useRef<HTMLHeadingElement>(null)
  useEffect(() => {
    document.title = `${title} · Carteiro`
  }, [title])
  useEffect(() => {
    ref.current?.focus({ preventScroll: true })
  }, [])
  return (
    <header className="mb-5 flex flex-wrap items-end justify-between gap-x-6 gap-y-3">
      <div className="min-w-0 flex-1 basis-72">
        {above && <div className="mb-1 text-muted text-sm">{above}</div>}
        <h1 ref={ref} tabIndex={-1} className="wrap-anywhere font-semibold text-xl tracking-tight outline-none">
          {title}
        </h1>
        {below && <div className="mt-1 text-muted">{below}</div>}
      </div>
      {actions && <div className="flex flex-wrap items-center gap-2">{actions}</div>}
    </header>
  )
}

/** Where this page hangs: links from the top down. */
export function Trail({ label, children }: { label: string; children: ReactNode[] }) {
  return (
    <nav aria-label={label}>
      <ol className="flex flex-wrap items-center gap-x-1">
        {children.map((link, at) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: a trail's links are known by their place
          <li key={at} className="flex min-w-0 items-center gap-1 [&_a:hover]:text-accent [&_a]:wrap-anywhere">
            {at > 0 && <Icon name="right" className="size-3!" />}
            {link}
          </li>
        ))}
      </ol>
    </nav>
  )
}

export function Card({
  title,
  id,
  aside,
  children,
  className = '',
}: {
  title?: ReactNode
  id?: string
  aside?: ReactNode
  children: ReactNode
  className?: string
}) {
  return (
    <section aria-labelledby={id} className={`card min-w-0 ${className}`}>
      {title && (
        <header className="flex min-h-11 flex-wrap items-center justify-between gap-2 px-4 pt-2">
          <h2 id={id} className="font-semibold">
            {title}
          </h2>
          {aside}
        </header>
      )}
      {children}
    </section>
  )
}

/** Nothing to show, and what to do about it. */
export function Empty({ title, children, action }: { title: string; children?: ReactNode; action?: ReactNode }) {
  return (
    <div className="grid justify-items-center gap-2 px-6 py-12 text-center">
      <p className="font-medium">{title}</p>
      {children && <div className="max-w-prose text-muted">{children}</div>}
      {action && <div className="mt-2">{action}</div>}
    </div>
  )
}

/** Rows that are on their way, as high as they will be. */
export function Loading({ label, rows = 5, row = 'h-9' }: { label: string; rows?: number; row?: string }) {
  return (
    <div role="status" className="grid gap-2 p-4">
      <span className="sr-only">{label}</span>
      {Array.from({ length: rows }, (_, at) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: the rows are all alike
        <div key={at} className={`breathing ${row}`} />
      ))}
    </div>
  )
}
